import { bufferCount, bufferTime, defer, delay, filter, identity, map, mergeMap, of, retry, tap, timer, type Observable } from 'rxjs';
import type { CheckpointStore } from '../../../lib/checkpoints/checkpoint-store.js';
import { checkpointEvery } from '../../../lib/operators/checkpointEvery.js';
import { recoverFrom } from '../../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../../lib/operators/withSequenceRanges.js';
import type { Block } from '../../../lib/values/block.js';
import type { KinesisRecord } from '../../../lib/values/record.js';
import { isWorkBehind, passes, type Course } from './course.js';
import { trackedShardOf } from '../../../lib/tracking/tracked-shard.js';
import { noteFinished, noteHandled, noteStart, type Observations } from './observations.js';

/** What the pipelines of one process depend on. */
export interface PipelineOptions {
  readonly store: CheckpointStore;
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
  const { store, seen } = options;
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
  const again = recovery === 'retry' ? retry<Block>({ delay: () => timer(1) }) : identity<Observable<Block>>;
  const noted = (records$: Observable<KinesisRecord>): Observable<KinesisRecord> =>
    defer(() => (noteStart(seen, trackedShardOf(records$)), records$));

  return isWorkBehind(course)
    ? { ofShard: (records$) => toBlocksAgain(records$).pipe(again), behind: work }
    : { ofShard: (records$) => toBlocksAgain(noted(records$)).pipe(work, again), behind: identity };
}

/** The work on each block, several at a time, and its checkpoints. */
function working({ workMs, concurrency, intervalMs }: Course, { process, seen, isHeld }: PipelineOptions) {
  const work = (block: Block, index: number): Observable<Block> => {
    noteHandled(seen, block, { process, isHeld });
    return of(block).pipe(
      delay(workMs[index % workMs.length]!),
      tap(() => noteFinished(seen, block)),
    );
  };
  return (blocks$: Observable<Block>): Observable<Block> =>
    blocks$.pipe(mergeMap(work, concurrency), checkpointEvery(intervalMs, { maxRetries: 3, retryDelayMs: 2, random: () => 0.5 }));
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
