import {
  bufferCount,
  bufferTime,
  defer,
  delay,
  filter,
  identity,
  map,
  mergeMap,
  of,
  retry,
  tap,
  timer,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';
import type { BlockStore } from '../../../lib/blocks/block-store.js';
import type { StoredBlock } from '../../../lib/blocks/stored-block.js';
import type { CheckpointStore } from '../../../lib/checkpoints/checkpoint-store.js';
import { checkpointEvery } from '../../../lib/operators/checkpointEvery.js';
import { loadBlocks } from '../../../lib/operators/loadBlocks.js';
import { recoverFrom } from '../../../lib/operators/recoverFrom.js';
import { releaseBlocks } from '../../../lib/operators/releaseBlocks.js';
import { storeBlocks } from '../../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../../lib/operators/withSequenceRanges.js';
import type { Block } from '../../../lib/values/block.js';
import type { KinesisRecord } from '../../../lib/values/record.js';
import type { Shard } from '../../../lib/shards/shard.js';
import { isWorkBehind, passes, type Course, type Storage } from './course.js';
import { trackedShardOf } from '../../../lib/tracking/tracked-shard.js';
import { noteFinished, noteHandled, noteStart, type Observations } from './observations.js';

/** What the pipelines of one process depend on. */
export interface PipelineOptions {
  readonly store: CheckpointStore;
  /** Where blocks wait for their work. */
  readonly blocks: BlockStore | undefined;
  readonly process: number;
  readonly seen: Observations;
  readonly isHeld: (shardId: string) => boolean;
}

/** The pipeline of a shard, and what follows behind the merger of all. */
export interface Pipelines {
  ofShard(records$: Observable<KinesisRecord>): Observable<Block>;
  behind(blocks$: Observable<Block>): Observable<Block>;
}

/** Makes the {@link Pipelines} of one process. */
export function pipelinesOf(course: Course, options: PipelineOptions): Pipelines {
  const { recovery, buffer, upstreamMs } = course;
  const { store, seen, blocks } = options;
  const recovering = <T extends Block | KinesisRecord>() =>
    recoverFrom<T>(store, { maxRecoveries: 1_000, initialDelayMs: 2, random: () => 0.5 });
  const mayThrow = throwingOnce(course.throwing);
  const toBlocks = (records$: Observable<KinesisRecord>): Observable<Block> =>
    records$.pipe(
      filter((record) => passes(course, record)),
      buffer.kind === 'count' ? bufferCount(buffer.size) : bufferTime(buffer.size),
      withSequenceRanges(),
    );
  const toBlocksAgain = (records$: Observable<KinesisRecord>): Observable<Block> =>
    recovery.endsWith('records')
      ? toBlocks(records$.pipe(delay(upstreamMs), map(mayThrow<KinesisRecord>), recovering<KinesisRecord>()))
      : toBlocks(records$).pipe(delay(upstreamMs), map(mayThrow<Block>), recovery.endsWith('blocks') ? recovering<Block>() : identity);
  const work = working(course, options);
  const checkpointing = <T extends Block | StoredBlock>() =>
    checkpointEvery<T>(course.intervalMs, { maxRetries: 3, retryDelayMs: 2, random: () => 0.5 });
  const again = recovery === 'retry' ? retry<Block>({ delay: () => timer(1) }) : identity<Observable<Block>>;
  const noted = (records$: Observable<KinesisRecord>): Observable<KinesisRecord> =>
    defer(() => (noteStart(seen, trackedShardOf(records$)), records$));
  const { storage } = course;
  const worked = (blocks$: Observable<Block>, shard: Shard): Observable<Block> =>
    storage && blocks ? blocks$.pipe(storing(storage, { blocks, shard, work, checkpointing })) : blocks$.pipe(work, checkpointing());

  return isWorkBehind(course)
    ? { ofShard: (shard) => toBlocksAgain(shard).pipe(again), behind: (blocks$) => blocks$.pipe(work, checkpointing()) }
    : { ofShard: (shard) => worked(toBlocksAgain(noted(shard)), shard as Shard).pipe(again), behind: identity };
}

/** What {@link storing} depends on. */
interface StoringOptions {
  readonly blocks: BlockStore;
  readonly shard: Shard;
  readonly work: MonoTypeOperatorFunction<Block>;
  readonly checkpointing: <T extends Block | StoredBlock>() => MonoTypeOperatorFunction<T>;
}

/** Stores the blocks of a shard, and loads each for its work. */
function storing(
  { place, maxLoadedBytes }: Storage,
  { blocks, shard, work, checkpointing }: StoringOptions,
): MonoTypeOperatorFunction<Block> {
  const requestTimeoutMs = 40;
  return (blocks$) =>
    blocks$.pipe(
      storeBlocks(blocks, { shard, requestTimeoutMs, retryDelayMs: 2, random: () => 0.5 }),
      place === 'stored' ? checkpointing() : identity,
      loadBlocks(blocks, { shard, requestTimeoutMs, maxLoadedBytes, retryTimeoutMs: 100 }),
      work,
      releaseBlocks(blocks, { requestTimeoutMs }),
      place === 'done' ? checkpointing() : identity,
    );
}

/** The work on each block, several at a time. */
function working({ workMs, concurrency }: Course, { process, seen, isHeld }: PipelineOptions) {
  const work = (block: Block, index: number): Observable<Block> => {
    noteHandled(seen, block, { process, isHeld });
    return of(block).pipe(
      delay(workMs[index % workMs.length]!),
      tap(() => noteFinished(seen, block)),
    );
  };
  return mergeMap(work, concurrency);
}

/** Passes values on, and throws in place of some, each once. */
function throwingOnce(which: readonly number[]): <T>(value: T) => T {
  const left = [...which];
  let count = 0;
  return (value) => {
    const at = left.indexOf(count++);
    if (at === -1) return value;
    left.splice(at, 1);
    throw new TypeError('of the user');
  };
}
