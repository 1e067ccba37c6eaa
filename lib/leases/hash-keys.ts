import type { HashKeyRange } from '../values/shard-id.js';

/** Every hash key of a stream. */
export const ALL_HASH_KEYS: HashKeyRange = { startingHashKey: '0', endingHashKey: String((1n << 128n) - 1n) };

/** The parts of `within` that no range covers, in order. */
export function hashKeyHoles(ranges: readonly HashKeyRange[], within: HashKeyRange = ALL_HASH_KEYS): HashKeyRange[] {
  const last = BigInt(within.endingHashKey);
  const holes: HashKeyRange[] = [];
  let next = BigInt(within.startingHashKey);
  const sorted = ranges.map(boundsOf).sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  for (const { from, to } of sorted) {
    if (next > last || to < next) continue;
    if (from > next) holes.push(rangeOf(next, from > last ? last : from - 1n));
    next = to + 1n;
  }
  if (next <= last) holes.push(rangeOf(next, last));
  return holes;
}

/** Whether the ranges cover all of `range`. */
export function coverRange(ranges: readonly HashKeyRange[], range: HashKeyRange): boolean {
  return hashKeyHoles(ranges, range).length === 0;
}

function boundsOf({ startingHashKey, endingHashKey }: HashKeyRange): { readonly from: bigint; readonly to: bigint } {
  return { from: BigInt(startingHashKey), to: BigInt(endingHashKey) };
}

function rangeOf(from: bigint, to: bigint): HashKeyRange {
  return { startingHashKey: String(from), endingHashKey: String(to) };
}
