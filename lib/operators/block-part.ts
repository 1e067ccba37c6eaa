import { makeBlock, type Block } from '../values/block.js';
import type { KinesisRecord } from '../values/record.js';
import { areOfRange, rangeOf, SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';

/** A block, and where its ranges begin. */
export class WholeBlock<B extends Block = Block> {
  readonly block: B;
  #starts: Starts | undefined;

  constructor(block: B) {
    this.block = block;
  }

  get starts(): Starts {
    return (this.#starts ??= startsOf(this.block));
  }
}

/** Whether a range of a block begins with the record of this index. */
interface Starts {
  has(index: number): boolean;
}

/** Some records of a block, in its order, that a handler gets together, and what became of them so far. */
export interface BlockPart<B extends Block = Block> {
  readonly whole: WholeBlock<B>;
  /** Which of the block's records they are, ascending. */
  readonly indices: readonly number[];
  /** How often a handler was called with them, also together with others. */
  readonly attempts: number;
  /** What the last call failed with. */
  readonly error: unknown;
}

/** All records of a block. */
export function wholeOf<B extends Block>(block: B): BlockPart<B> {
  return { whole: new WholeBlock(block), indices: [...block.records.keys()], attempts: 0, error: undefined };
}

/** The records of a block in so many lanes, by their partition keys: those of one key are in the same lane, whatever block they are in. */
export function lanesOf<B extends Block>(block: B, lanes: number): ReadonlyMap<number, BlockPart<B>> {
  const byLane = new Map<number, number[]>();
  block.records.forEach(({ partitionKey }, index) => {
    const lane = hashOf(partitionKey) % lanes;
    const indices = byLane.get(lane);
    if (indices) indices.push(index);
    else byLane.set(lane, [index]);
  });
  const whole = new WholeBlock(block);
  return new Map([...byLane].map(([lane, indices]) => [lane, { whole, indices, attempts: 0, error: undefined }]));
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
  for (const index of part.indices) (isPicked(part.whole.block.records[index]!) ? picked : others).push(index);
  return [
    { ...part, indices: picked },
    { ...part, indices: others },
  ];
}

/**
 * The block of a part: the whole block itself, with the ranges that it has, or one of the part's records with their exact ranges.
 *
 * @remarks
 * Two records belong to one range if they follow each other in one range of the block. Where the block has not the records of its ranges in their order, since
 * a user's operator has changed them, or some are missing in Kinesis, each record is a range of its own.
 */
export function blockOf<B extends Block>({ whole, indices }: BlockPart<B>): Block<B['records'][number]> {
  const { block } = whole;
  if (indices.length === block.records.length) return block;
  const { starts } = whole;
  const records: B['records'][number][] = indices.map((index) => block.records[index]!);
  const ranges: SequenceNumberRange[] = [];
  for (let from = 0, to = 1; to <= indices.length; to++) {
    const next = indices[to];
    if (next !== undefined && next === indices[to - 1]! + 1 && !starts.has(next)) continue;
    ranges.push(rangeOf(records[from]!, records[from]!, records[to - 1]!, to - from));
    from = to;
  }
  return makeBlock(records, new SequenceNumberRanges(ranges), block.recovered);
}

function startsOf({ records, ranges }: Block): Starts {
  if (ranges.recordCount !== records.length) return EACH;
  const starts = new Set<number>();
  let start = 0;
  for (const range of ranges.ranges) {
    if (!areOfRange(records, start, range)) return EACH;
    starts.add(start);
    start += range.recordCount;
  }
  return starts;
}

/** The starts of a block that has not the records of its ranges, in their order. */
const EACH: Starts = { has: () => true };

/** FNV-1a in 32 bits, with its high bits in the low ones, which count here: the same on every platform. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) >>> 0;
}
