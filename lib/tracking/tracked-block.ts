import type { LedgerEntry, Run } from '../ledger/entries.js';
import { blockId, makeBlock, type Block } from '../values/block.js';
import type { InvalidConfigError } from '../values/errors.js';
import type { KinesisRecord } from '../values/record.js';
import { endOf, rangeOf, SequenceNumberRanges } from '../values/sequence-range.js';
import { sameShard } from '../values/shard-id.js';
import { hasRanges, isRecord, misplaced } from './misplaced.js';
import { deliveryOf, follows } from './delivery.js';
import type { OfShard } from './checkpointed-shard.js';
import type { TrackedShard } from './tracked-shard.js';

/** The part of one block that lies in one shard: its entry in the shard's ledger. */
export interface TrackedEntry {
  readonly shard: TrackedShard;
  readonly entry: LedgerEntry;
}

/** The hidden property of a block's ranges that holds one entry a shard. Every copy of the package in a process finds it by this symbol. */
const ENTRIES: unique symbol = Symbol.for('rx-kinesis/1/entries') as never;

/** The entries of the block with this instance of ranges; none for a block made by hand. */
export function entriesOf(ranges: SequenceNumberRanges): readonly TrackedEntry[] {
  return (ranges as { readonly [ENTRIES]?: readonly TrackedEntry[] })[ENTRIES] ?? [];
}

function enter(ranges: SequenceNumberRanges, entries: readonly TrackedEntry[]): void {
  Object.defineProperty(ranges, ENTRIES, { value: entries });
}

/** Moves the entries of a lost block to the block that replaces it. */
export function replaceBlock(lost: SequenceNumberRanges, replacement: SequenceNumberRanges): void {
  const entries = entriesOf(lost);
  for (const { entry } of entries) entry.key = replacement;
  enter(replacement, entries);
}

/** Binds the ranges of a block that an earlier process settled to its shard, so that it does not count as made by hand. */
export function bindSettledBlock(ranges: SequenceNumberRanges, shard: TrackedShard): void {
  const end = endOf(ranges.ranges.at(-1)!);
  enter(ranges, [{ shard, entry: { key: ranges, runs: [], end, records: 0, bytes: 0, state: 'settled' } }]);
}

/**
 * Makes a block of records and opens its entry in the ledger of each shard that they come from.
 *
 * @remarks
 * A run ends where the shard changes, and where a record that was read is missing here (a filter dropped it): a range
 * names exactly the records that the block holds.
 *
 * @throws OutOfOrderError when a record comes twice or after a later one; InvalidConfigError for values that are not records.
 */
export function openBlock(records: readonly KinesisRecord[], recovered = false): Block {
  const runs = cutIntoRuns(records);
  const ranges = new SequenceNumberRanges(runs.map((run) => run.range));
  const entries = openEntries(ranges, runs);
  if (entries.length > 0) enter(ranges, entries);
  return makeBlock(records, ranges, recovered);
}

/** A run, and the shard that its records come from; `undefined` for records made by hand. */
interface TrackedRun extends Run {
  readonly shard: TrackedShard | undefined;
}

function cutIntoRuns(records: readonly KinesisRecord[]): TrackedRun[] {
  const runs: TrackedRun[] = [];
  let start = 0;
  for (let i = 1; i <= records.length; i++) {
    if (i < records.length && follows(records[i - 1], records[i])) continue;
    runs.push(runOf(records[start]!, records[i - 1]!, i - start));
    start = i;
  }
  return runs;
}

function runOf(first: KinesisRecord, last: KinesisRecord, recordCount: number): TrackedRun {
  for (const record of [first, last]) if (!isRecord(record)) throw notRecords([record]);
  const range = rangeOf(first, first, last, recordCount);
  const arrivedMs = last.approximateArrivalTimestamp?.getTime();
  const from = deliveryOf(first);
  const to = deliveryOf(last);
  if (!from || !to) return { range, shard: undefined, firstOrdinal: 0, lastOrdinal: 0, bytes: 0, bytesThrough: 0 };
  const bytes = to.bytesThrough - from.bytesThrough + first.data.byteLength;
  return { range, shard: from.shard, firstOrdinal: from.ordinal, lastOrdinal: to.ordinal, bytes, bytesThrough: to.bytesThrough, arrivedMs };
}

function openEntries(ranges: SequenceNumberRanges, runs: readonly TrackedRun[]): TrackedEntry[] {
  const byShard = new Map<TrackedShard, TrackedRun[]>();
  for (const run of runs) {
    if (!run.shard) continue;
    const own = byShard.get(run.shard);
    if (own) own.push(run);
    else byShard.set(run.shard, [run]);
  }
  return [...byShard].map(([shard, own]) => {
    const entry = shard.ledger.open(ranges, own);
    const { state, records, bytes } = entry;
    // A block of records that an earlier subscription delivered opens nothing.
    if (state === 'open') shard.tell({ type: 'blockOpened', records, bytes });
    return { shard, entry };
  });
}

/** Tells each shard of a block what has become of it. */
export function reportBlock(type: 'blockLost' | 'blockRecovered', ranges: SequenceNumberRanges): void {
  for (const { shard } of entriesOf(ranges)) shard.tell({ type, blockId: blockId(ranges), records: ranges.recordCount });
}

/** Tells each shard of a block what has become of the work on some of its records: on `part`, which need not have entries of its own. */
export function reportWork(whole: SequenceNumberRanges, part: Block, event: WorkEvent): void {
  for (const { shard } of entriesOf(whole)) {
    const own = part.ranges.ranges.filter((range) => sameShard(range, shard.identity));
    const records = own.reduce((sum, { recordCount }) => sum + recordCount, 0);
    if (records > 0) shard.tell({ ...event, blockId: part.id, records });
  }
}

/** An event of the work on a block, without what {@link reportWork} adds. */
type WorkEvent =
  | Omit<Extract<OfShard, { type: 'blockFailed' }>, 'blockId' | 'records'>
  | Omit<Extract<OfShard, { type: 'blockRetry' }>, 'blockId' | 'records'>;

/** Makes the error for a value that is not an array of records. */
export function notRecords(value: unknown): InvalidConfigError {
  const isBlock = hasRanges(Array.isArray(value) ? value[0] : value);
  const advice = Array.isArray(value) ? 'parse records behind it, not before' : 'put bufferTime before it';
  return misplaced('withSequenceRanges: expected an array of records', value, isBlock ? 'is it there twice?' : advice);
}
