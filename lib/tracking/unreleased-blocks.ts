import { comparePositions, type Position } from '../values/position.js';
import { endOf, overlap, startOf, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';

/** How far a checkpoint may go, and the blocks up to that position that it must name. */
export interface CoveredBlocks {
  readonly position: Position;
  /** In order. */
  readonly blocks: readonly SequenceNumberRanges[];
}

interface UnreleasedBlock {
  readonly end: Position;
  /** The end of the block before it, or the checkpoint; `undefined` without either, and for a block that came out of order. */
  readonly before: Position | undefined;
  /** Whether the current subscription has emitted its handle, so that it is being worked on. */
  isInWork: boolean;
}

/**
 * The blocks of one shard that are stored and not released, in order. A checkpoint beyond them must name them, so that they are not
 * lost if the block store loses their data.
 *
 * @remarks Pure. The instance of its ranges identifies each block. Adding in order and releasing take constant time.
 */
export class UnreleasedBlocks {
  /** Whether a stop can wait no longer for the deletes of blocks that are released, or not known. */
  isCleanUpOver = false;
  readonly #blocks = new Map<SequenceNumberRanges, UnreleasedBlock>();
  #lastEnd: Position | undefined;
  #inWork = 0;

  /** Whether every block that was stored has been released. */
  get isEmpty(): boolean {
    return this.#blocks.size === 0;
  }

  /** Whether this block is stored and not released. */
  has(ranges: SequenceNumberRanges): boolean {
    return this.#blocks.has(ranges);
  }

  /** Whether one of the blocks is being worked on. */
  get areInWork(): boolean {
    return this.#inWork > 0;
  }

  /** The blocks that nobody works on: an earlier process or an earlier subscription left them. */
  get leftOver(): SequenceNumberRanges[] {
    return [...this.#blocks].filter(([, { isInWork }]) => !isInWork).map(([ranges]) => ranges);
  }

  /** The blocks that are being worked on. */
  get inWork(): SequenceNumberRanges[] {
    return [...this.#blocks].filter(([, { isInWork }]) => isInWork).map(([ranges]) => ranges);
  }

  /** Begins with the blocks that an earlier process left, all of them up to `position`. */
  restore(blocks: readonly SequenceNumberRanges[], position: Position): void {
    for (const ranges of blocks) this.#enter(ranges);
    this.#lastEnd = position;
  }

  /** Forgets the blocks beyond the watermark: a new subscription begins there, and stores them again. */
  restart(watermark: Position | undefined): void {
    for (const [ranges, block] of this.#blocks) {
      if (!watermark || comparePositions(block.end, watermark) > 0) this.#blocks.delete(ranges);
      block.isInWork = false;
    }
    this.#inWork = 0;
    this.#lastEnd = watermark;
  }

  /** Adds a block that is stored and whose handle is about to be emitted. */
  add(ranges: SequenceNumberRanges): void {
    this.#enter(ranges);
    this.take(ranges);
  }

  /** Notes that the handle of a left-over block is about to be emitted. */
  take(ranges: SequenceNumberRanges): void {
    const block = this.#blocks.get(ranges);
    if (!block || block.isInWork) return;
    block.isInWork = true;
    this.#inWork++;
  }

  /** Removes a released block. Returns whether it was here. */
  release(ranges: SequenceNumberRanges): boolean {
    if (this.#blocks.get(ranges)?.isInWork) this.#inWork--;
    return this.#blocks.delete(ranges);
  }

  /**
   * How far a checkpoint may go that can name at most `maxRanges` ranges: to `watermark`, or only up to the first block for which it has no
   * room. `undefined` when no checkpoint may be written.
   */
  coveredBy(watermark: Position, maxRanges: number): CoveredBlocks | undefined {
    const blocks: SequenceNumberRanges[] = [];
    let count = 0;
    for (const [ranges, { end, before }] of this.#blocks) {
      if (comparePositions(end, watermark) > 0) break;
      count += ranges.ranges.length;
      if (count > maxRanges) return before && { position: before, blocks };
      blocks.push(ranges);
    }
    return { position: watermark, blocks };
  }

  /** The ranges of `settled`, all beyond `position`, that overlap no unreleased block. */
  without(settled: readonly SequenceNumberRange[], position: Position): readonly SequenceNumberRange[] {
    if (settled.length === 0 || this.isEmpty) return settled;
    const beyond = [...this.#blocks].filter(([, { end }]) => comparePositions(end, position) > 0).flatMap(([{ ranges }]) => ranges);
    return settled.filter((range) => !beyond.some((other) => overlap(range, other)));
  }

  #enter(ranges: SequenceNumberRanges): void {
    if (this.#blocks.has(ranges)) return;
    const [first] = ranges.ranges;
    const end = endOf(ranges.ranges.at(-1)!);
    const isInOrder = !this.#lastEnd || comparePositions(this.#lastEnd, startOf(first!)) < 0;
    // It is unknown what lies before a block that comes out of order, so no checkpoint may end there.
    this.#blocks.set(ranges, { end, before: isInOrder ? this.#lastEnd : undefined, isInWork: false });
    if (isInOrder) this.#lastEnd = end;
    else this.#sort();
  }

  #sort(): void {
    const sorted = [...this.#blocks].sort(([, a], [, b]) => comparePositions(a.end, b.end));
    this.#blocks.clear();
    for (const [ranges, block] of sorted) this.#blocks.set(ranges, block);
  }
}
