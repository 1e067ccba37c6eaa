import type { ReadStart } from './reader.js';
import type { CursorPlace } from './shard-cursor.js';

/** How far reading has advanced in a stretch of a shard without records. */
export interface EmptyStretch {
  /** The iterator that reads on from there. */
  readonly iterator: string;
  /** The lag there, in ms. */
  readonly behindMs: number;
}

/**
 * Remembers how far reads of one shard have advanced in stretches without records, so that a retry does not read the same empty pages
 * again.
 *
 * @remarks
 * No record lies between the start of a stretch and its iterator, so a read that reaches the start may use the iterator. Keeps the newest
 * {@link MAX_STRETCHES}.
 */
export class EmptyStretches {
  readonly #stretches = new Map<string, EmptyStretch>();

  /** The stretch that begins at this place, if one is known. */
  from(start: ReadStart): EmptyStretch | undefined {
    const key = keyOf(start);
    return key === undefined ? undefined : this.#stretches.get(key);
  }

  /** Notes an empty page, read at this place, that brought reading nearer to the newest record. */
  extend({ start, iterator }: CursorPlace, behindMs: number): void {
    const key = keyOf(start);
    if (key === undefined || iterator === undefined) return;
    this.#stretches.delete(key);
    this.#stretches.set(key, { iterator, behindMs });
    for (const oldest of this.#stretches.keys()) if (this.#stretches.size > MAX_STRETCHES) this.#stretches.delete(oldest);
  }

  /** Forgets the stretch from this place, since its iterator brings reading no nearer. */
  forget(start: ReadStart): void {
    const key = keyOf(start);
    if (key !== undefined) this.#stretches.delete(key);
  }

  /** Forgets all stretches, since everything has been read. */
  clear(): void {
    this.#stretches.clear();
  }
}

/** Returns the stretches of a shard that earlier reads of the same ranges have found. */
export type EmptyStretchesOf = (shardId: string) => EmptyStretches;

/** Makes a function that keeps the stretches of each shard. */
export function emptyStretches(): EmptyStretchesOf {
  const shards = new Map<string, EmptyStretches>();
  return (shardId) => {
    const known = shards.get(shardId) ?? new EmptyStretches();
    shards.set(shardId, known);
    return known;
  };
}

/** The most stretches of one shard: it bounds the memory of a read that fails again and again. */
const MAX_STRETCHES = 100;

/** The key of a place at a record; other places have none, since they are not the same later. */
function keyOf(start: ReadStart): string | undefined {
  if (!('position' in start)) return undefined;
  const { sequenceNumber, subSequenceNumber } = start.position;
  return `${start.type} ${sequenceNumber}.${subSequenceNumber}`;
}
