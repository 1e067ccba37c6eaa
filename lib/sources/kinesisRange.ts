import type { Observable } from 'rxjs';
import type { KinesisRecord } from '../values/record.js';
import type { RangeToRead } from '../values/sequence-range.js';
import { kinesisRanges, type KinesisRangesConfig } from './kinesisRanges.js';

/** How one range is read. */
export type KinesisRangeConfig = Omit<KinesisRangesConfig, 'concurrency'>;

/**
 * Emits exactly the records of a range, then completes: a bounded re-read, verified.
 *
 * @remarks
 * Errors, order, buffering and time are those of {@link kinesisRanges}: the range's first record, its last record and its count,
 * where it has one, are checked, nothing beyond its end is emitted, and a part that Kinesis no longer holds is a `RangeExpiredError`.
 *
 * @throws InvalidValueError when called with a malformed range; InvalidConfigError with a config that cannot work.
 *
 * @example
 * ```ts
 * kinesisRange(block.ranges.ranges[0], { client }).pipe(toArray()).subscribe((records) => replay(records));
 * ```
 */
export function kinesisRange(range: RangeToRead, config: KinesisRangeConfig): Observable<KinesisRecord> {
  return kinesisRanges([range], config);
}
