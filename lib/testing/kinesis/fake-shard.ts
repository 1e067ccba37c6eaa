import { InvalidConfigError } from '../../values/errors.js';
import { comparePositions, compareSequenceNumbers } from '../../values/position.js';
import type { KinesisRecord } from '../../values/record.js';
import type { TrimmedReads } from './fake-script.js';

/** A record, and when it arrives. */
export interface FakeEntry {
  readonly atMs: number;
  readonly record: KinesisRecord;
}

/** A trim with its defaults and letters resolved. */
export interface ShardTrim {
  readonly atMs: number;
  readonly through?: string;
  readonly beforeMs?: number;
  readonly reads: TrimmedReads;
}

/**
 * One shard of a fake stream: a log in order of arrival. At each moment, the records that have arrived and are not trimmed are visible.
 *
 * A position is an index in the log. Records are only ever inserted after those that have arrived, so positions stay valid.
 */
export class FakeShard {
  readonly log: FakeEntry[] = [];
  readonly trims: ShardTrim[] = [];

  constructor(
    readonly shardId: string,
    readonly parentShardIds: readonly string[],
    readonly createdAtMs: number,
    public closedAtMs: number,
    readonly givenHashKeyRange?: readonly [string, string],
  ) {}

  /** Inserts a record at its place by time, which must also be its place by sequence number. */
  insert(entry: FakeEntry): void {
    const { atMs, record } = entry;
    if (atMs < this.createdAtMs || atMs > this.closedAtMs) {
      const life = `the shard is open from ${this.createdAtMs} to ${this.closedAtMs} ms`;
      throw new InvalidConfigError(`${this.shardId}: record ${record.sequenceNumber} arrives at ${atMs} ms, but ${life}`);
    }
    const index = this.arrivedAt(atMs);
    const neighbours = [this.log[index - 1], entry, this.log[index]].flatMap((near) => (near ? [near.record] : []));
    neighbours.reduce((before, after) => {
      if (comparePositions(before, after) < 0) return after;
      throw new InvalidConfigError(
        `${this.shardId}: record ${after.sequenceNumber} arrives after ${before.sequenceNumber}, but its number is not higher`,
      );
    });
    this.log.splice(index, 0, entry);
  }

  /** Whether the shard has appeared, and no trim has removed it. */
  existsAt(nowMs: number): boolean {
    return nowMs >= this.createdAtMs && this.trimmedReadsAt(nowMs) !== 'ResourceNotFoundException';
  }

  /** How many records have arrived. */
  arrivedAt(nowMs: number): number {
    return firstIndex(this.log, ({ atMs }) => atMs > nowMs);
  }

  /** The position of the oldest record that is not trimmed. */
  horizonAt(nowMs: number): number {
    const cuts = this.trims.filter(({ atMs }) => atMs <= nowMs).map((trim) => firstIndex(this.log, (entry) => !drops(trim, entry)));
    return Math.max(0, ...cuts);
  }

  /** What reading trimmed records gives, by the last trim so far. */
  trimmedReadsAt(nowMs: number): TrimmedReads {
    return this.trims.filter(({ atMs }) => atMs <= nowMs).at(-1)?.reads ?? 'horizon';
  }

  /** The position after the last record with the same sequence number as the one at `position`. */
  endOfGroup(position: number): number {
    const { sequenceNumber } = this.log[position]!.record;
    let end = position + 1;
    while (this.log[end]?.record.sequenceNumber === sequenceNumber) end++;
    return end;
  }

  /** The position of the first record at or after this number. */
  positionAt(sequenceNumber: string): number {
    return firstIndex(this.log, ({ record }) => compareSequenceNumbers(record.sequenceNumber, sequenceNumber) >= 0);
  }

  /** The position of the first record after this number. */
  positionAfter(sequenceNumber: string): number {
    return firstIndex(this.log, ({ record }) => compareSequenceNumbers(record.sequenceNumber, sequenceNumber) > 0);
  }

  /** The position of the first record that arrived at this time or later. */
  positionSince(timeMs: number): number {
    return firstIndex(this.log, ({ atMs }) => atMs >= timeMs);
  }
}

function drops({ through, beforeMs = -Infinity }: ShardTrim, { atMs, record }: FakeEntry): boolean {
  return atMs < beforeMs || (through !== undefined && compareSequenceNumbers(record.sequenceNumber, through) <= 0);
}

/** Binary search: `reached` must be false at the beginning of the log and true for all the rest. */
function firstIndex(log: readonly FakeEntry[], reached: (entry: FakeEntry) => boolean): number {
  let low = 0;
  let high = log.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (reached(log[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
