import { makeBlock, type Block } from '../values/block.js';
import type { KinesisRecord } from '../values/record.js';
import { rangeOf, SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';

/** Some records of a block, in its order, that a handler gets together, and what became of them so far. Pure. */
export interface BlockPart<B extends Block = Block> {
  readonly whole: B;
  /** Which of the block's records they are, ascending. */
  readonly indices: readonly number[];
  /** How often a handler was called with them, also together with others. */
  readonly attempts: number;
  /** What the last call failed with. */
  readonly error: unknown;
}

/** All records of a block. */
export function wholeOf<B extends Block>(whole: B): BlockPart<B> {
  return { whole, indices: [...whole.records.keys()], attempts: 0, error: undefined };
}

/** The records of a block in so many lanes, by their partition keys: those of one key are in the same lane, whatever block they are in. */
export function lanesOf<B extends Block>(whole: B, lanes: number): ReadonlyMap<number, BlockPart<B>> {
  const byLane = new Map<number, number[]>();
  whole.records.forEach(({ partitionKey }, index) => {
    const lane = hashOf(partitionKey) % lanes;
    const indices = byLane.get(lane);
    if (indices) indices.push(index);
    else byLane.set(lane, [index]);
  });
  return new Map([...byLane].map(([lane, indices]) => [lane, { ...wholeOf(whole), indices }]));
}

/** The first half and the second half of a part. */
export function halvesOf<B extends Block>(part: BlockPart<B>): readonly BlockPart<B>[] {
  const middle = Math.ceil(part.indices.length / 2);
  return [part.indices.slice(0, middle), part.indices.slice(middle)].map((indices) => ({ ...part, indices }));
}

/** The records of a part that `isPicked` picks, and the others. */
export function splitBy<B extends Block>(
  part: BlockPart<B>,
  isPicked: (record: KinesisRecord) => boolean,
): readonly [BlockPart<B>, BlockPart<B>] {
  const picked: number[] = [];
  const others: number[] = [];
  for (const index of part.indices) (isPicked(part.whole.records[index]!) ? picked : others).push(index);
  return [
    { ...part, indices: picked },
    { ...part, indices: others },
  ];
}

/**
 * The block of a part: the whole block itself, or one of its records with their exact ranges.
 *
 * @remarks
 * Two records belong to one range if they follow each other in one range of the block. Where the block has not the records that its ranges count, since
 * a user's operator has changed them, each record is a range of its own.
 */
export function blockOf<B extends Block>({ whole, indices }: BlockPart<B>): Block<B['records'][number]> {
  if (indices.length === whole.records.length) return whole;
  const starts = startsOf(whole);
  const ranges: SequenceNumberRange[] = [];
  for (let from = 0, to = 1; to <= indices.length; to++) {
    if (indices[to] === indices[to - 1]! + 1 && starts && !starts.has(indices[to]!)) continue;
    const [first, last] = [whole.records[indices[from]!]!, whole.records[indices[to - 1]!]!];
    ranges.push(rangeOf(first, first, last, to - from));
    from = to;
  }
  const records = indices.map((index) => whole.records[index]!);
  return makeBlock(records, new SequenceNumberRanges(ranges), whole.recovered);
}

/** The indices of the records with which the ranges of a block begin; `undefined` where the block has other records than its ranges. */
function startsOf({ records, ranges }: Block): ReadonlySet<number> | undefined {
  if (ranges.recordCount !== records.length) return undefined;
  const starts = new Set<number>();
  let start = 0;
  for (const { recordCount } of ranges.ranges) {
    starts.add(start);
    start += recordCount;
  }
  return starts;
}

/** FNV-1a in 32 bits, with its high bits in the low ones, which count here: the same on every platform. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) >>> 0;
}
