import type { ReadStart } from './reader.js';
import type { CursorPlace } from './shard-cursor.js';

/** How far reading has come in a stretch of a shard that has no records. */
export interface EmptyStretch {
  /** Reads on from there. */
  readonly iterator: string;
  /** The lag there, in ms. */
  readonly behindMs: number;
}

/**
 * How far reads of one shard have come in its stretches without records, so that a retry does not read the same empty pages again.
 *
 * @remarks
 * No record lies between the place that a stretch is known by and its iterator, so whoever comes to that place may take the iterator.
 * Keeps the newest {@link MAX_STRETCHES}.
 */
export class EmptyStretches {
  readonly #stretches = new Map<string, EmptyStretch>();

  /** The stretch that begins at this place, if one is known. */
  from(start: ReadStart): EmptyStretch | undefined {
    const key = keyOf(start);
    return key === undefined ? undefined : this.#stretches.get(key);
  }

  /** An empty page was read at this place, and came nearer to the next record. */
  extend({ start, iterator }: CursorPlace, behindMs: number): void {
    const key = keyOf(start);
    if (key === undefined || iterator === undefined) return;
    this.#stretches.delete(key);
    this.#stretches.set(key, { iterator, behindMs });
    for (const oldest of this.#stretches.keys()) if (this.#stretches.size > MAX_STRETCHES) this.#stretches.delete(oldest);
  }

  /** The iterator from this place leads nowhere. */
  forget(start: ReadStart): void {
    const key = keyOf(start);
    if (key !== undefined) this.#stretches.delete(key);
  }

  /** All has been read. */
  clear(): void {
    this.#stretches.clear();
  }
}

/** What earlier readings of the same ranges found out about each shard. */
export type EmptyStretchesOf = (shardId: string) => EmptyStretches;

/** Remembers for each shard. */
export function emptyStretches(): EmptyStretchesOf {
  const shards = new Map<string, EmptyStretches>();
  return (shardId) => {
    const known = shards.get(shardId) ?? new EmptyStretches();
    shards.set(shardId, known);
    return known;
  };
}

/** What a reading that fails again and again may leave behind. */
const MAX_STRETCHES = 100;

/** Only a place at a record is the same place later. */
function keyOf(start: ReadStart): string | undefined {
  if (!('position' in start)) return undefined;
  const { sequenceNumber, subSequenceNumber } = start.position;
  return `${start.type} ${sequenceNumber}.${subSequenceNumber}`;
}
