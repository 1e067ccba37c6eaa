import { comparePositions } from '../../../lib/index.js';
import { meanDelay, totalsOf, type Flight, type Total } from './flights.js';
import type { Applied } from './sink-database.js';

/** Where a flight went, as Kinesis told the producer. */
export interface Produced {
  readonly index: number;
  readonly shardId: string;
  readonly sequenceNumber: string;
}

/** What the demo was to show, in numbers. */
export interface Verdict {
  readonly produced: number;
  readonly processed: number;
  /** Flights that were never applied. */
  readonly lost: number;
  /** Records applied more than once. */
  readonly appliedTwice: number;
  /** Records applied that are not in the stream, not in that shard, or not of that flight. */
  readonly foreign: number;
  /** Records applied after a later one of their shard, or of their group: that also spans parent and child shards. */
  readonly outOfOrder: number;
  readonly groups: number;
  /** The groups whose count or mean is not the one computed from the file. */
  readonly differing: readonly string[];
  readonly passed: boolean;
}

/** What is compared. */
export interface Evidence {
  /** From the file. */
  readonly flights: readonly Flight[];
  /** From the producer's log. */
  readonly produced: readonly Produced[];
  /** From the sink, in the order of applying. */
  readonly applied: readonly Applied[];
  readonly totals: ReadonlyMap<string, Total>;
}

/** Checks what was applied against the stream, and the stream against the file. */
export function verify({ flights, produced, applied, totals }: Evidence): Verdict {
  const records = applied.flatMap(({ shardId, records }) => records.map(([index, sequenceNumber]) => ({ index, shardId, sequenceNumber })));
  const found = compareWithStream(records, produced);
  const lost = flights.filter(({ index }) => !found.indexes.has(index)).length;
  const outOfOrder = countOutOfOrder(records, flights);
  const expected = totalsOf(flights);
  const differing = [...new Set([...expected.keys(), ...totals.keys()])].filter((group) => !isSame(expected.get(group), totals.get(group)));

  const { appliedTwice, foreign } = found;
  const faults = lost + appliedTwice + foreign + outOfOrder + differing.length;
  const counts = { produced: produced.length, processed: records.length, lost, appliedTwice, foreign, outOfOrder };
  return { ...counts, groups: expected.size, differing, passed: faults === 0 && produced.length === flights.length };
}

function compareWithStream(records: readonly Produced[], produced: readonly Produced[]) {
  const stream = new Map(produced.map((record) => [nameOf(record), record.index]));
  const names = new Set<string>();
  const indexes = new Set<number>();
  let appliedTwice = 0;
  let foreign = 0;
  for (const record of records) {
    const name = nameOf(record);
    if (names.has(name)) appliedTwice++;
    else if (stream.get(name) !== record.index) foreign++;
    else indexes.add(record.index);
    names.add(name);
  }
  return { indexes, appliedTwice, foreign };
}

/** Within a shard by sequence number; within a group, which may move from a parent to its child, by the order of the file. */
function countOutOfOrder(records: readonly Produced[], flights: readonly Flight[]): number {
  const lastOfShard = new Map<string, Produced>();
  const lastOfGroup = new Map<string | undefined, Produced>();
  let count = 0;
  for (const record of records) {
    const group = flights[record.index]?.group;
    const before = lastOfShard.get(record.shardId);
    const beforeInGroup = lastOfGroup.get(group);
    const isBehind = before !== undefined && comparePositions(positionOf(before), positionOf(record)) >= 0;
    if (isBehind || (beforeInGroup !== undefined && beforeInGroup.index >= record.index)) count++;
    lastOfShard.set(record.shardId, record);
    lastOfGroup.set(group, record);
  }
  return count;
}

function isSame(expected: Total | undefined, found: Total | undefined): boolean {
  return expected !== undefined && found !== undefined && expected.flights === found.flights && meanDelay(expected) === meanDelay(found);
}

function nameOf({ shardId, sequenceNumber }: Produced): string {
  return `${shardId}/${sequenceNumber}`;
}

function positionOf({ sequenceNumber }: Produced): { sequenceNumber: string; subSequenceNumber: number } {
  return { sequenceNumber, subSequenceNumber: 0 };
}
