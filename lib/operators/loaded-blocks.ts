import {
  concatMap,
  defer,
  EMPTY,
  filter,
  ignoreElements,
  map,
  merge,
  of,
  startWith,
  take,
  tap,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { delayOf } from '../internal/delay.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { Block } from '../values/block.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';

interface LoadedBlocksOptions {
  readonly tracked: TrackedShard;
  readonly maxLoadedBytes: number;
  readonly scheduler: SchedulerLike;
}

/** The blocks that are loaded and not released, by their payload bytes: the credit of `loadBlocks`. */
export class LoadedBlocks {
  readonly #options: LoadedBlocksOptions;
  readonly #bytes = new Map<SequenceNumberRanges, number>();
  #total = 0;

  constructor(options: LoadedBlocksOptions) {
    this.#options = options;
  }

  /** Completes when there is room for another block. */
  available(): Observable<never> {
    const { tracked, scheduler } = this.#options;
    return defer(() => {
      if (this.hasRoom) return EMPTY;
      const room$ = tracked.releases$.pipe(
        startWith(undefined),
        map(() => this.hasRoom),
      );
      const stalled$ = delayOf(STALL_TO_REPORT_MS, scheduler).pipe(
        tap(() => this.#reportStall()),
        map(() => false),
      );
      // Continues after the release that made the room, and not in the middle of it.
      return merge(room$, stalled$).pipe(
        filter((hasRoom) => hasRoom),
        take(1),
        concatMap(() => delayOf(0, scheduler)),
        ignoreElements(),
      );
    });
  }

  /** Emits a block that is loaded, and counts it. A block that was never stored is never released, and does not count. */
  noted(block: Block): Observable<Block> {
    return defer(() => {
      const { ranges, records } = block;
      if (this.#options.tracked.unreleased.has(ranges)) {
        const bytes = records.reduce((sum, { data }) => sum + data.byteLength, 0);
        this.#bytes.set(ranges, bytes);
        this.#total += bytes;
      }
      return of(block);
    });
  }

  /** Whether another block may be loaded. */
  get hasRoom(): boolean {
    for (const [ranges, bytes] of this.#bytes) {
      if (this.#options.tracked.unreleased.has(ranges)) continue;
      this.#bytes.delete(ranges);
      this.#total -= bytes;
    }
    return this.#bytes.size === 0 || this.#total < this.#options.maxLoadedBytes;
  }

  #reportStall(): void {
    const [oldest] = this.#bytes.keys();
    this.#options.tracked.tell({ type: 'watermarkHeld', ranges: oldest!.ranges, heldMs: STALL_TO_REPORT_MS });
  }
}

const STALL_TO_REPORT_MS = 10_000;
