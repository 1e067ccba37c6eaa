import { concat, concatMap, defer, filter, map, of, takeWhile, type Observable } from 'rxjs';
import type { Reread } from '../readers/reread.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import { makeBlock, type Block } from '../values/block.js';
import { InvalidConfigError } from '../values/errors.js';
import { comparePositions, type Position } from '../values/position.js';
import { recordOf, type KinesisRecord } from '../values/record.js';
import { endOf, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';

/**
 * Re-reads many lost blocks of one shard from Kinesis in one pass: emits them one after another, verified, with `recovered: true`,
 * each with the same instance of its ranges, and so with its id and its entries.
 *
 * @remarks
 * All blocks share one iterator, unless they lie far apart. Buffers one block and a page. Errors: those of `kinesisRanges`. Under
 * `onGap: 'continue'` a block has only the records that are still there.
 *
 * @param lost - in the order of the shard, without overlap.
 * @param goesOn - asked after each page and its blocks; the result completes without the other blocks when it says no.
 */
export function restoreBlocks(
  lost: readonly SequenceNumberRanges[],
  { identity, reread }: TrackedShard,
  options: Parameters<Reread>[1],
  goesOn: () => boolean,
): Observable<Block> {
  return defer(() => {
    if (!reread) throw new InvalidConfigError(`${identity.streamName}/${identity.shardId}: the shard has no source to read again with`);
    const cutter = new BlockCutter(lost);
    const pages$ = reread(
      lost.flatMap(({ ranges }) => ranges),
      options,
    ).pipe(map((page) => cutter.cut(page.map((fields) => recordOf(identity, fields)))));
    const blocks$ = concat(
      pages$,
      defer(() => of(cutter.end())),
    );
    return blocks$.pipe(
      concatMap((blocks) => [...blocks, undefined]),
      // `undefined` is the end of a page.
      takeWhile((block) => block !== undefined || goesOn()),
      filter((block) => block !== undefined),
    );
  });
}

/** Cuts the records of a shard, in order, into the blocks that their ranges name. */
class BlockCutter {
  readonly #ends: readonly { readonly ranges: SequenceNumberRanges; readonly end: Position }[];
  #next = 0;
  #records: KinesisRecord[] = [];

  constructor(blocks: readonly SequenceNumberRanges[]) {
    this.#ends = blocks.map((ranges) => ({ ranges, end: endOf(lastOf(ranges)) }));
  }

  /** The blocks that are complete with these records. */
  cut(records: readonly KinesisRecord[]): Block[] {
    const blocks: Block[] = [];
    for (const record of records) {
      // By position and not by count: under `onGap: 'continue'` records may be missing.
      while (comparePositions(record, this.#ends[this.#next]!.end) > 0) blocks.push(this.#close());
      this.#records.push(record);
      if (comparePositions(record, this.#ends[this.#next]!.end) === 0) blocks.push(this.#close());
    }
    return blocks;
  }

  /** The remaining blocks, when there are no more records. */
  end(): Block[] {
    const blocks: Block[] = [];
    while (this.#next < this.#ends.length) blocks.push(this.#close());
    return blocks;
  }

  #close(): Block {
    const { ranges } = this.#ends[this.#next++]!;
    const block = makeBlock(this.#records, ranges, true);
    this.#records = [];
    return block;
  }
}

function lastOf({ ranges }: SequenceNumberRanges): SequenceNumberRange {
  return ranges.at(-1)!;
}
