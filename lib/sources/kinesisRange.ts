import type { Observable } from 'rxjs';
import type { KinesisRecord } from '../values/record.js';
import type { RangeToRead } from '../values/sequence-range.js';
import { kinesisRanges, type KinesisRangesConfig } from './kinesisRanges.js';

/** How one range is read. */
export type KinesisRangeConfig = Omit<KinesisRangesConfig, 'concurrency'>;

/**
 * Emits exactly the records of a range, verified, then completes.
 *
 * @remarks
 * Errors, order, buffering and time are those of {@link kinesisRanges}: it checks the range's first record, its last record and its
 * count, if it has one, emits nothing beyond its end, and errors with a `RangeExpiredError` for a part that Kinesis no longer holds.
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
