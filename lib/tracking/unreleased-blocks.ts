import { comparePositions, type Position } from '../values/position.js';
import { endOf, startOf, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';

/** How far a checkpoint may go, and the blocks up to there that it must name. */
export interface CoveredBlocks {
  readonly position: Position;
  /** In order. */
  readonly blocks: readonly SequenceNumberRanges[];
}

interface UnreleasedBlock {
  readonly end: Position;
  /** The end of what was stored before it; `undefined` where reading began without a checkpoint. */
  readonly before: Position | undefined;
  /** Whether its handle was emitted in the subscription that lives: then it is being worked on. */
  isInWork: boolean;
}

/**
 * The blocks of one shard that are stored and not released, in order: what a checkpoint beyond them must name, so that they are not
 * lost with the store that holds their data.
 *
 * @remarks Pure. Each block is known by the instance of its ranges. Adding in order and releasing take constant time.
 */
export class UnreleasedBlocks {
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

  /** Whether one of them is being worked on. */
  get areInWork(): boolean {
    return this.#inWork > 0;
  }

  /** Those that nobody works on: an earlier process left them, or an earlier subscription. */
  get leftOver(): SequenceNumberRanges[] {
    return [...this.#blocks].filter(([, { isInWork }]) => !isInWork).map(([ranges]) => ranges);
  }

  /** Begins with what an earlier process left, all of it before `position`. */
  restore(blocks: readonly SequenceNumberRanges[], position: Position): void {
    for (const ranges of blocks) this.#enter(ranges);
    this.#lastEnd = position;
  }

  /** Forgets the blocks that are not settled: a new subscription begins at the watermark, and they are stored again. */
  restart(watermark: Position | undefined): void {
    for (const [ranges, block] of this.#blocks) {
      if (!watermark || comparePositions(block.end, watermark) > 0) this.#blocks.delete(ranges);
      block.isInWork = false;
    }
    this.#inWork = 0;
    this.#lastEnd = watermark;
  }

  /** A block is stored, and its handle is emitted. */
  add(ranges: SequenceNumberRanges): void {
    this.#enter(ranges);
    this.take(ranges);
  }

  /** The handle of a block that was left over is emitted. */
  take(ranges: SequenceNumberRanges): void {
    const block = this.#blocks.get(ranges);
    if (!block || block.isInWork) return;
    block.isInWork = true;
    this.#inWork++;
  }

  /** A block is done with. Says whether it was here. */
  release(ranges: SequenceNumberRanges): boolean {
    if (this.#blocks.get(ranges)?.isInWork) this.#inWork--;
    return this.#blocks.delete(ranges);
  }

  /**
   * How far a checkpoint may go, at most to `watermark`, if it can name `maxRanges` ranges: up to the first block that it has no room
   * for. `undefined` when it may not be written at all.
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

  /** Those of `settled`, ranges beyond `position`, of which nothing is in a block that is not released. */
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
    // What lies before a block that comes late is not known: no checkpoint ends there.
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

function overlap(a: SequenceNumberRange, b: SequenceNumberRange): boolean {
  return comparePositions(startOf(a), endOf(b)) <= 0 && comparePositions(startOf(b), endOf(a)) <= 0;
}
