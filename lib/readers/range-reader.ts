import { from, mergeMap, type Observable } from 'rxjs';
import type { RangeToRead } from '../values/sequence-range.js';
import { emptyStretches, type EmptyStretchesOf } from './empty-stretches.js';
import type { ReadContext } from './reader.js';
import { readShardRanges, type RangePage, type RangeReading } from './shard-ranges.js';

export type { RangePage, RangeReading } from './shard-ranges.js';

/**
 * Reads ranges of one stream: shards in parallel, and the ranges of each shard in order. `contextOf` says how to read a shard.
 *
 * @param stretchesOf - the empty stretches that earlier tries have found, so that a retry can skip them.
 */
export function readRanges(
  ranges: readonly RangeToRead[],
  contextOf: (shardId: string) => ReadContext,
  reading: RangeReading,
  stretchesOf: EmptyStretchesOf = emptyStretches(),
): Observable<RangePage> {
  return from(rangesByShard(ranges)).pipe(
    mergeMap(
      ([shardId, own]) => readShardRanges({ ranges: own, context: contextOf(shardId), reading, stretches: stretchesOf(shardId) }),
      reading.concurrency,
    ),
  );
}

/** Groups ranges of one stream by their shards, in the order in which the shards are read. */
export function rangesByShard(ranges: readonly RangeToRead[]): Map<string, RangeToRead[]> {
  const byShard = new Map<string, RangeToRead[]>();
  for (const range of ranges) {
    const own = byShard.get(range.shardId);
    if (own) own.push(range);
    else byShard.set(range.shardId, [range]);
  }
  return byShard;
}
