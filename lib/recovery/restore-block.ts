import { concatMap, defer, from, map, toArray, type Observable } from 'rxjs';
import type { Reread } from '../readers/reread.js';
import { entriesOf, replaceBlock } from '../tracking/tracked-block.js';
import { makeBlock, type Block } from '../values/block.js';
import { InvalidConfigError } from '../values/errors.js';
import { recordOf, type KinesisRecord } from '../values/record.js';
import { SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';
import { sameShard, shardKey } from '../values/shard-id.js';

/** How a lost block is re-read. */
export interface RestoreBlockOptions {
  /** The longest time without progress, in ms. */
  readonly retryTimeoutMs: number;
  /** Re-reads ranges of shards that no source of this process reads; without it they are an error. */
  readonly readForeign?: Reread<SequenceNumberRange>;
}

/**
 * Re-reads a lost block from Kinesis: emits it once, verified, with `recovered: true`, the same id and the same order.
 *
 * @remarks
 * The new block takes over the entries of the lost one: when either of the two settles, they settle once. The records are plain ones. The
 * shards are read one after the other, each with the client of its source.
 *
 * Errors: those of `kinesisRanges`; `InvalidConfigError` for a shard that no source of this process reads, without `readForeign`.
 */
export function restoreBlock(lost: SequenceNumberRanges, options: RestoreBlockOptions): Observable<Block> {
  return defer(() => from(byShard(lost.ranges))).pipe(
    concatMap(([key, own]) => readOwn(lost, own, options).pipe(map((records) => [key, records] as const))),
    toArray(),
    map((read) => {
      const queues = new Map(read);
      const records = lost.ranges.flatMap((range) => queues.get(shardKey(range))!.splice(0, range.recordCount));
      const ranges = new SequenceNumberRanges(lost.ranges);
      replaceBlock(lost, ranges);
      return makeBlock(records, ranges, true);
    }),
  );
}

/** Groups ranges by the keys of their shards, in order. */
export function byShard(ranges: readonly SequenceNumberRange[]): Map<string, SequenceNumberRange[]> {
  const shards = new Map<string, SequenceNumberRange[]>();
  for (const range of ranges) {
    const own = shards.get(shardKey(range));
    if (own) own.push(range);
    else shards.set(shardKey(range), [range]);
  }
  return shards;
}

/** Reads the block's ranges of one shard in one pass. */
function readOwn(
  lost: SequenceNumberRanges,
  own: readonly SequenceNumberRange[],
  { retryTimeoutMs, readForeign }: RestoreBlockOptions,
): Observable<KinesisRecord[]> {
  const { streamName, shardId } = own[0]!;
  const tracked = entriesOf(lost).find(({ shard }) => sameShard(shard.identity, own[0]!));
  const reread = tracked?.shard.reread ?? readForeign;
  if (!reread) {
    throw new InvalidConfigError(
      `${streamName}/${shardId}: to read a block again that does not come from a shard, recoverFrom needs the option read`,
    );
  }
  return reread(own, { retryTimeoutMs }).pipe(
    toArray(),
    map((pages) => pages.flat().map((fields) => recordOf({ streamName, shardId }, fields))),
  );
}
