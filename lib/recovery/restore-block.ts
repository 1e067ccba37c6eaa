import { concatMap, defer, from, map, toArray, type Observable } from 'rxjs';
import type { Reread } from '../readers/reread.js';
import { entriesOf, replaceBlock } from '../tracking/tracked-block.js';
import { makeBlock, type Block } from '../values/block.js';
import { InvalidConfigError } from '../values/errors.js';
import { recordOf, type KinesisRecord } from '../values/record.js';
import { SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';
import { shardKey } from '../values/shard-id.js';

/** How a lost block is re-read. */
export interface RestoreBlockOptions {
  /** The longest time without progress, in ms. */
  readonly retryTimeoutMs: number;
  /** Re-reads ranges of shards that are not of this process; without it they are an error. */
  readonly readForeign?: Reread;
}

/**
 * Re-reads a lost block from Kinesis: emits it once, verified, with `recovered: true`, its id and its order.
 *
 * @remarks
 * It takes over the entries of the lost block: whichever of them settles first, settles once. The records are plain ones. Each shard
 * is read with the means of its source, one after the other.
 *
 * Errors: those of `kinesisRanges`; `InvalidConfigError` for a shard that is not of this process, without `readForeign`.
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

/** Ranges by the keys of their shards, in order. */
export function byShard(ranges: readonly SequenceNumberRange[]): Map<string, SequenceNumberRange[]> {
  const shards = new Map<string, SequenceNumberRange[]>();
  for (const range of ranges) {
    const own = shards.get(shardKey(range));
    if (own) own.push(range);
    else shards.set(shardKey(range), [range]);
  }
  return shards;
}

/** Reads the block's ranges of one shard in one go. */
function readOwn(
  lost: SequenceNumberRanges,
  own: readonly SequenceNumberRange[],
  { retryTimeoutMs, readForeign }: RestoreBlockOptions,
): Observable<KinesisRecord[]> {
  const { streamName, shardId } = own[0]!;
  const tracked = entriesOf(lost).find(({ shard: { identity } }) => identity.shardId === shardId && identity.streamName === streamName);
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
