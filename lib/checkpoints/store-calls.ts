import { concat, defaultIfEmpty, defer, from, ignoreElements, map, of, take, type Observable, type SchedulerLike } from 'rxjs';
import { answeredWithin } from '../internal/request-timeout.js';
import { assertPosition } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { Checkpoint, CheckpointStore } from './checkpoint-store.js';

/** How long a store may take to answer. */
export interface StoreCallLimits {
  /** In ms; `Infinity` for no limit. */
  readonly requestTimeoutMs: number;
  readonly scheduler: SchedulerLike;
}

/** Reads and checks a shard's checkpoint: emits it, or `undefined`, once. A store that does not answer is a `TimeoutError`. */
export function readCheckpoint(
  store: CheckpointStore,
  shard: ShardIdentity,
  { requestTimeoutMs, scheduler }: StoreCallLimits,
): Observable<Checkpoint | undefined> {
  return defer(() => from(store.read(shard))).pipe(
    take(1),
    defaultIfEmpty(undefined),
    answeredWithin(requestTimeoutMs, 'reading the checkpoint', scheduler),
    map((checkpoint) => {
      if (checkpoint) assertPosition(checkpoint, `checkpoint of ${shard.streamName}/${shard.shardId}`);
      return checkpoint;
    }),
  );
}

/** Writes a checkpoint; completes when it is durable. A store that does not complete is a `TimeoutError`. */
export function writeCheckpoint(
  store: CheckpointStore,
  checkpoint: Checkpoint,
  shard: ShardIdentity,
  { requestTimeoutMs, scheduler }: StoreCallLimits,
): Observable<never> {
  const write$ = defer(() => from(store.write(checkpoint, shard))).pipe(ignoreElements());
  return concat(write$, of(0)).pipe(answeredWithin(requestTimeoutMs, 'writing the checkpoint', scheduler), ignoreElements());
}
