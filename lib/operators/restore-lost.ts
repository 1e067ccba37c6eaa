import { catchError, concat, concatMap, defer, EMPTY, of, repeat, tap, throwError, type Observable } from 'rxjs';
import type { BoundedStore } from '../blocks/bounded-store.js';
import { BlockUnavailableError } from '../blocks/errors.js';
import type { StoredBlock } from '../blocks/stored-block.js';
import { isRangeExpired } from '../kinesis/errors.js';
import { restoreBlocks } from '../recovery/restore-blocks.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { Block } from '../values/block.js';
import { isFinal } from '../values/errors.js';
import { overlap, type SequenceNumberRange } from '../values/sequence-range.js';
import { inTurn } from './in-turn.js';
import type { LoadedBlocks } from './loaded-blocks.js';
import { reportsFailure } from './stored-blocks.js';

/** How lost blocks are restored. */
export interface RestoreOptions {
  /** Where a restored block is put. */
  readonly store: BoundedStore;
  readonly tracked: TrackedShard;
  /** The longest time without progress, in ms. */
  readonly retryTimeoutMs: number;
}

/** A block that its store does not have, or does not give. */
export interface LostBlock {
  readonly handle: StoredBlock;
  /** What the store failed with. */
  readonly error?: unknown;
}

/**
 * Re-reads lost blocks of a shard, which follow one another, from Kinesis; puts each into the store, emits it, and reports all of it as events.
 *
 * @param lost - at least one.
 */
export function restoreLost(lost: readonly LostBlock[], options: RestoreOptions, credit: LoadedBlocks): Observable<Block> {
  return defer(() => {
    const { store, tracked } = options;
    const [first] = lost as [LostBlock];
    const ranges = lost.flatMap(({ handle }) => handle.ranges.ranges);
    let records = 0;
    for (const { handle } of lost) reportBlock('blockLost', handle, tracked);
    tracked.tell({ type: 'recoveryStarted', ranges, error: new BlockUnavailableError(first.handle.ranges, first.error) });
    return restoreInRoom(lost, options, credit).pipe(
      inTurn((block) => concat(putBack(block, store, tracked), of(block))),
      tap({
        next: (block) => {
          records += block.records.length;
          reportBlock('blockRecovered', block, tracked);
        },
        complete: () => tracked.tell({ type: 'recovered', ranges: ranges.length, records }),
      }),
    );
  });
}

/**
 * Restores blocks in as many passes as it takes: a pass ends with the page that leaves no room, and the next begins when there is room
 * again. The bytes of a block are known only when it is read.
 */
function restoreInRoom(lost: readonly LostBlock[], { tracked, retryTimeoutMs }: RestoreOptions, credit: LoadedBlocks): Observable<Block> {
  return defer(() => {
    const blocks = lost.map(({ handle }) => handle.ranges);
    let next = 0;
    const pass$ = defer(() => restoreBlocks(blocks.slice(next), tracked, { retryTimeoutMs }, () => credit.hasRoom)).pipe(
      catchError((error: unknown) => throwError(() => orUnavailable(error, lost))),
      concatMap((block) => {
        if (!isComplete(block)) assertNotKept(lost[next]!);
        next++;
        return credit.noted(block);
      }),
    );
    return pass$.pipe(repeat({ delay: () => (next < blocks.length ? concat(credit.available(), of(next)) : EMPTY) }));
  });
}

/** Whether the block has all its records. Under `onGap: 'continue'` those that Kinesis no longer holds are missing. */
function isComplete({ ranges, records }: Block): boolean {
  return records.length === ranges.recordCount;
}

/** @throws BlockUnavailableError when the store failed in a way that passes: it may still have the block, and the same load may succeed. */
function assertNotKept({ handle, error }: LostBlock): void {
  if (error !== undefined && !isFinal(error)) throw new BlockUnavailableError(handle.ranges, error);
}

/** The error that Kinesis no longer holds a block; a BlockUnavailableError instead if the store may still have it. */
function orUnavailable(error: unknown, lost: readonly LostBlock[]): unknown {
  if (!isRangeExpired(error)) return error;
  const isExpired = (range: SequenceNumberRange): boolean => error.missing.some((gone) => overlap(gone, range));
  const first = lost.find(({ handle }) => handle.ranges.ranges.some(isExpired));
  if (first?.error === undefined || isFinal(first.error)) return error;
  return new BlockUnavailableError(first.handle.ranges, first.error);
}

function reportBlock(type: 'blockLost' | 'blockRecovered', { id, ranges }: StoredBlock, tracked: TrackedShard): void {
  tracked.tell({ type, blockId: id, records: ranges.recordCount });
}

/** Puts a re-read block back, so that a restart need not read Kinesis again. A failure does no harm: the block is emitted anyway. */
function putBack(block: Block, store: BoundedStore, tracked: TrackedShard): Observable<never> {
  if (!isComplete(block)) return EMPTY;
  return store.put(block).pipe(
    reportsFailure(tracked, 'put', block.id),
    catchError(() => EMPTY),
  );
}
