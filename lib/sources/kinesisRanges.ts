import { concatMap, EMPTY, type Observable } from 'rxjs';
import { assertInteger, assertKnownFields, assertNumber } from '../internal/validate.js';
import { askedRanges, assertOneStream, type AskedRanges } from '../readers/asked-ranges.js';
import { emptyStretches } from '../readers/empty-stretches.js';
import { withOwnPatience } from '../readers/own-patience.js';
import { readRanges, type RangePage } from '../readers/range-reader.js';
import { resolveStream, type ResolvedStream } from '../kinesis/stream-id.js';
import { InvalidConfigError } from '../values/errors.js';
import type { RangeToRead } from '../values/sequence-range.js';
import { type KinesisRecord, recordOf } from '../values/record.js';
import { KINESIS_FIELDS, type KinesisConfig, readContext, resolveKinesis } from '../readers/config.js';

/** How ranges are read. */
export interface KinesisRangesConfig extends KinesisConfig {
  /** The ARN of the stream, to read a stream of another account. @defaultValue the ranges' `streamName`, in the client's account */
  readonly streamARN?: string | undefined;
  /**
   * The longest time without progress, in ms; then the read errors with a `RecoveryTimeoutError`. Progress is a page with a later
   * record, or an empty page that is nearer to the newest record. From 1 up. @defaultValue 10_000
   */
  readonly retryTimeoutMs?: number | undefined;
  /** The most records a page. 1 to 10 000 (GetRecords, Limit). @defaultValue 10_000 */
  readonly maxRecordsPerPage?: number | undefined;
  /** How many shards are read at once. From 1 up. @defaultValue 4 */
  readonly concurrency?: number | undefined;
}

/**
 * Emits exactly the records of some ranges of one stream, then completes.
 *
 * @remarks
 * It verifies each range: its first record, its last record and its count, if it has one; fields that a range leaves out are not
 * verified, see {@link RangeToRead}. It emits nothing outside the ranges, and a record in two ranges once. It keeps the order within a
 * shard. It reads shards in parallel up to `concurrency`, and the ranges of each shard in one pass, which jumps over gaps of more than
 * a mebibyte. Re-subscribing emits everything again, but does not read the same empty pages again. All reads stay within the `budget`:
 * give it the budget of the live reader to share the limits of Kinesis. Buffers at most a page a shard. Unsubscribing aborts the requests.
 *
 * Errors: `RangeExpiredError` when Kinesis no longer holds a part, or when the shard's newest record has been before a part for three
 * seconds (under `onGap: 'continue'` the rest is emitted, with a `gap` event); `RangeIncompleteError` when the ends and the count do not
 * match, as soon as there are more records than the count; `RecoveryTimeoutError` (retriable); `ShardReadError`.
 *
 * @throws InvalidValueError when called with a malformed range; InvalidConfigError with ranges of two streams, or an invalid config.
 *
 * @example
 * ```ts
 * kinesisRanges(SequenceNumberRanges.fromJSON(saved), { client }).subscribe((record) => console.log(record.sequenceNumber));
 * ```
 *
 * @see {@link kinesisRange} for one range, {@link planRecovery} for what it will cost.
 */
export function kinesisRanges(ranges: AskedRanges, config: KinesisRangesConfig): Observable<KinesisRecord> {
  const list = askedRanges(ranges);
  assertKnownFields(config, { ...KINESIS_FIELDS, streamARN: true, retryTimeoutMs: true, maxRecordsPerPage: true, concurrency: true });
  const { streamARN, retryTimeoutMs = 10_000, maxRecordsPerPage = 10_000, concurrency = 4 } = config;
  assertNumber('retryTimeoutMs', retryTimeoutMs, 1);
  assertInteger('maxRecordsPerPage', maxRecordsPerPage, 1, 10_000);
  assertInteger('concurrency', concurrency, 1);
  const means = resolveKinesis(config);
  if (!means.deaggregate) list.forEach(assertWhole);
  const stream = streamOf(list, streamARN);
  if (!stream) return EMPTY;
  const reading = { retryTimeoutMs, maxRecordsPerPage, concurrency };
  const pages$ = readRanges(list, (shardId) => readContext(means, stream, shardId), reading, emptyStretches());
  return withOwnPatience(pages$.pipe(concatMap(toRecords)));
}

/** Throws for a part of an aggregate, which cannot be read unless aggregates are taken apart. */
function assertWhole({ fromSubSeqNumber = 0, toSubSeqNumber = 0 }: RangeToRead, i: number): void {
  if (fromSubSeqNumber === 0 && toSubSeqNumber === 0) return;
  const got = `range ${i} from sub-sequence number ${fromSubSeqNumber} to ${toSubSeqNumber}`;
  throw new InvalidConfigError(`deaggregate: expected true for ranges of user records, got false for ${got}`);
}

/** The one stream of the ranges; none when there are no ranges. */
function streamOf(ranges: readonly RangeToRead[], streamARN: string | undefined): ResolvedStream | undefined {
  const [first] = ranges;
  if (!first) return undefined;
  const stream = resolveStream(streamARN === undefined ? { streamName: first.streamName } : { streamARN });
  assertOneStream(ranges, stream.streamName);
  return stream;
}

function toRecords(page: RangePage): KinesisRecord[] {
  return page.records.map((record) => recordOf(page, record));
}
