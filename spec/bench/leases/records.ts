import { comparePositions, SHARD_END, type Position } from '../../../lib/values/position.js';
import type { TakenCheckpoint } from '../../support/fleet/fleet-table.js';

/** What went wrong, how often. */
export interface Wrongs {
  /** A checkpoint was lower than the one before. */
  lowered: number;
  /** The table took a checkpoint of a worker that did not hold the lease. */
  foreign: number;
  /** A checkpoint was beyond what had been read. */
  ahead: number;
  /** A worker began after records that nobody had read. */
  skipped: number;
  /** A child was begun before its parent had ended. */
  early: number;
  /** A shard of which nothing was read at last. */
  stuck: number;
}

const RECORD_MS = 1_000;

/** The records of all shards, one a second each, whose sequence numbers are the seconds; and how far they were read. */
export class Records {
  readonly wrongs: Wrongs = { lowered: 0, foreign: 0, ahead: 0, skipped: 0, early: 0, stuck: 0 };
  /** All up to here was read, by one worker or another. */
  readonly #read = new Map<string, number>();
  readonly #ended = new Set<string>();
  readonly #stored = new Map<string, Position>();

  /** A worker begins to read after a position; the first reader of a shard begins with its first record. */
  begin(shardId: string, after: Position | undefined, nowMs: number): void {
    const number = after && /^\d+$/.test(after.sequenceNumber) ? Number(after.sequenceNumber) : undefined;
    const known = this.#read.get(shardId);
    if (number !== undefined && number > (known ?? 0)) this.wrongs.skipped++;
    if (known === undefined) this.#read.set(shardId, number ?? Math.floor(nowMs / RECORD_MS));
  }

  /** A worker reads all that there is; returns the last record. */
  read(shardId: string, nowMs: number): number {
    const last = Math.floor(nowMs / RECORD_MS);
    this.#read.set(shardId, Math.max(this.#read.get(shardId) ?? 0, last));
    return last;
  }

  /** A worker has read the last record of a shard that was split. */
  end(shardId: string): void {
    this.#ended.add(shardId);
  }

  /** The table has taken a checkpoint. */
  note({ shardId, workerId, holder, position }: TakenCheckpoint): void {
    const before = this.#stored.get(shardId);
    if (before && comparePositions(position, before) < 0) this.wrongs.lowered++;
    if (holder !== workerId) this.wrongs.foreign++;
    const isEnd = position.sequenceNumber === SHARD_END;
    if (isEnd ? !this.#ended.has(shardId) : Number(position.sequenceNumber) > (this.#read.get(shardId) ?? 0)) this.wrongs.ahead++;
    this.#stored.set(shardId, position);
  }

  /** At the end: all that is older than `graceMs` must be in a checkpoint. */
  conclude(shardIds: Iterable<string>, nowMs: number, graceMs: number): void {
    for (const shardId of shardIds) {
      const stored = this.#stored.get(shardId);
      if (
        !stored ||
        comparePositions(stored, { sequenceNumber: String(Math.floor((nowMs - graceMs) / RECORD_MS)), subSequenceNumber: 0 }) < 0
      )
        this.wrongs.stuck++;
    }
  }
}
