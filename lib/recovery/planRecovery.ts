import { assertInteger, assertKnownFields, assertNumber, assertPositive, type FieldsOf } from '../internal/validate.js';
import { BYTES_PER_SECOND, READS_PER_SECOND } from '../kinesis/read-pace.js';
import { askedRanges, assertOneStream, type AskedRanges } from '../readers/asked-ranges.js';
import { rangesByShard } from '../readers/range-reader.js';
import { InvalidConfigError } from '../values/errors.js';
import type { RangeToRead } from '../values/sequence-range.js';
import { PlannedRead, type PlanAssumptions, type PlannedPass } from './planned-read.js';

export type { PlannedPass } from './planned-read.js';

/** What {@link planRecovery} should assume. */
export interface PlanRecoveryConfig {
  /**
   * The average payload of a record, in bytes, from 1 up; a `pageRead` event has `bytes` and `records`.
   * @defaultValue unknown: the plan then has no `bytes`, and its `seconds` follow from the number of reads alone
   */
  readonly bytesPerRecord?: number | undefined;
  /**
   * How many records lie between two neighbouring ranges of a shard: after the loss of each tenth block of 40 records, 360. From 0 up;
   * above 0 it needs `bytesPerRecord`. @defaultValue 0
   */
  readonly recordsBetween?: number | undefined;
  /** The most records a page, as `kinesisRanges` has it. 1 to 10 000 (GetRecords, Limit). @defaultValue 10_000 */
  readonly maxRecordsPerPage?: number | undefined;
  /** How many shards are read at once, as `kinesisRanges` has it. From 1 up. @defaultValue 4 */
  readonly concurrency?: number | undefined;
  /** The GetRecords calls a second and shard of the `budget`. Above 0, or `Infinity`. @defaultValue 5 */
  readonly readsPerSecond?: number | undefined;
  /** The bytes a second and shard of the `budget`. Above 0, or `Infinity`. @defaultValue 2_097_152 */
  readonly bytesPerSecond?: number | undefined;
  /** How long a call to Kinesis takes, in ms. From 0 up. @defaultValue 0 */
  readonly latencyMs?: number | undefined;
}

/** What a recovery costs. */
export interface RecoveryCost {
  /** How many of the given ranges it reads. */
  readonly ranges: number;
  /** The records in the ranges, each counted once; where ranges overlap in part, at most so many. */
  readonly records: number;
  /** GetShardIterator calls. */
  readonly iterators: number;
  /** GetRecords calls. */
  readonly reads: number;
  /** The payload bytes that Kinesis sends, those of records between the ranges included; `undefined` without `bytesPerRecord`. */
  readonly bytes: number | undefined;
  /** How long it takes within the limits of Kinesis: 0 for a single page, unless `latencyMs` says more. */
  readonly seconds: number;
}

/** What the recovery of one shard's ranges costs, and how they are grouped. */
export interface ShardRecoveryPlan extends RecoveryCost {
  /** The shard. */
  readonly shardId: string;
  /** The ranges that share an iterator, in the order in which they are read. */
  readonly passes: readonly PlannedPass[];
}

/** What a recovery would do. */
export interface RecoveryPlan extends RecoveryCost {
  /** How many ranges have no `recordCount`: each is taken for one of 1 000 records. */
  readonly uncountedRanges: number;
  /** In the order in which the shards are read. */
  readonly shards: readonly ShardRecoveryPlan[];
}

/**
 * Says what `kinesisRanges` would do to read these ranges again, without reading anything.
 *
 * @remarks
 * Synchronous and pure: it makes the decisions of the real reader about pages, iterators and waits, on records that all have the average
 * size. It takes a millisecond or so for each thousand ranges, however many records they have. `loadBlocks` reads as many, with a new
 * iterator after each 10 000 records at the latest, and all shards at once.
 *
 * It cannot know empty pages, throttling, other readers of the shards, and what is trimmed already: the real recovery then takes longer, or
 * errors. Where records are aggregates of the KPL, each with many of the counted records, the pages are fewer, and the first of them may
 * bring more bytes than planned.
 *
 * Sources of the limits: 5 GetRecords calls and 2 MiB a second and shard, 10 MiB and 10 000 records a page ("Quotas and limits", Amazon
 * Kinesis Data Streams Developer Guide; GetRecords, Amazon Kinesis API Reference).
 *
 * @param ranges - of one stream, for example those of all lost blocks.
 * @throws InvalidValueError for a malformed range; InvalidConfigError for ranges of two streams, or an invalid config.
 *
 * @example
 * ```ts
 * const { reads, seconds } = planRecovery(SequenceNumberRanges.fromJSON(saved), { bytesPerRecord: 500 });
 * console.log(`${reads} reads, ${seconds} s`);
 * ```
 *
 * @see {@link kinesisRanges}, which does it.
 */
export function planRecovery(ranges: AskedRanges, config: PlanRecoveryConfig = {}): RecoveryPlan {
  const list = askedRanges(ranges);
  const { bytesPerRecord, concurrency, assumed } = resolve(config);
  if (list[0]) assertOneStream(list, list[0].streamName);
  const shards = [...rangesByShard(list)].map(([shardId, own]) => planShard(shardId, own, bytesPerRecord, assumed));
  const total = (numberOf: (shard: ShardRecoveryPlan) => number): number => shards.reduce((sum, shard) => sum + numberOf(shard), 0);
  return {
    ranges: list.length,
    records: total(({ records }) => records),
    iterators: total(({ iterators }) => iterators),
    reads: total(({ reads }) => reads),
    bytes: bytesPerRecord && total(({ bytes }) => bytes!),
    seconds: secondsOf(shards, concurrency),
    uncountedRanges: list.filter(({ recordCount }) => recordCount === undefined).length,
    shards,
  };
}

function planShard(
  shardId: string,
  ranges: readonly RangeToRead[],
  bytesPerRecord: number | undefined,
  assumed: PlanAssumptions,
): ShardRecoveryPlan {
  const { passes, records, sentRecords, elapsedMs } = new PlannedRead(ranges, assumed);
  return {
    shardId,
    ranges: ranges.length,
    records,
    iterators: passes.length,
    reads: passes.reduce((sum, { reads }) => sum + reads, 0),
    bytes: bytesPerRecord && sentRecords * bytesPerRecord,
    seconds: elapsedMs / 1_000,
    passes,
  };
}

/** When the last shard is read: the next one begins as soon as one of those under way is done. */
function secondsOf(shards: readonly ShardRecoveryPlan[], concurrency: number): number {
  const lanes = Array.from({ length: Math.min(concurrency, shards.length) }, () => 0);
  for (const { seconds } of shards) {
    const first = lanes.indexOf(Math.min(...lanes));
    lanes[first]! += seconds;
  }
  return Math.max(0, ...lanes);
}

function resolve(config: PlanRecoveryConfig) {
  assertKnownFields(config, PLAN_RECOVERY_FIELDS);
  const { bytesPerRecord, recordsBetween = 0, maxRecordsPerPage = 10_000, concurrency = 4, latencyMs = 0 } = config;
  const { readsPerSecond = READS_PER_SECOND, bytesPerSecond = BYTES_PER_SECOND } = config;
  if (bytesPerRecord !== undefined) assertNumber('bytesPerRecord', bytesPerRecord, 1);
  assertInteger('recordsBetween', recordsBetween, 0);
  assertInteger('maxRecordsPerPage', maxRecordsPerPage, 1, 10_000);
  assertInteger('concurrency', concurrency, 1);
  assertPositive('readsPerSecond', readsPerSecond, true);
  assertPositive('bytesPerSecond', bytesPerSecond, true);
  assertNumber('latencyMs', latencyMs, 0);
  if (recordsBetween > 0 && bytesPerRecord === undefined)
    throw new InvalidConfigError('bytesPerRecord: expected a number with recordsBetween, since the bytes decide what is read on');
  const limits = { readsPerSecond, bytesPerSecond, maxRecordsPerPage, latencyMs };
  return { bytesPerRecord, concurrency, assumed: { ...limits, recordsBetween, bytesPerRecord: bytesPerRecord ?? 0 } };
}

const PLAN_RECOVERY_FIELDS: FieldsOf<PlanRecoveryConfig> = {
  bytesPerRecord: true,
  recordsBetween: true,
  maxRecordsPerPage: true,
  concurrency: true,
  readsPerSecond: true,
  bytesPerSecond: true,
  latencyMs: true,
};
