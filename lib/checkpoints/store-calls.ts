import { catchError, defaultIfEmpty, defer, endWith, ignoreElements, map, take } from 'rxjs';
import type { MonoTypeOperatorFunction, Observable, ObservableInput, SchedulerLike } from 'rxjs';
import { reduced } from '../internal/aws-fault.js';
import { faultKind } from '../internal/aws-errors.js';
import { answeredWithin } from '../internal/request-timeout.js';
import { isRxKinesisError } from '../values/errors.js';
import { assertPosition } from '../values/position.js';
import type { ShardIdentity, ShardName } from '../values/shard-id.js';
import { assertSettledBeyond, assertUnreleased } from './checkpoint-rules.js';
import type { Checkpoint, CheckpointStore, Lease, LeasingStore } from './checkpoint-store.js';
import { CheckpointError } from './errors.js';

/** How long a store may take to answer. */
export interface StoreCallLimits {
  /** In ms; `Infinity` for no limit. */
  readonly requestTimeoutMs: number;
  readonly scheduler: SchedulerLike;
}

/** Reads and checks a shard's checkpoint: emits it, or `undefined`, once. All its errors are of this package. */
export function readCheckpoint(
  store: CheckpointStore,
  shard: ShardIdentity,
  { requestTimeoutMs, scheduler }: StoreCallLimits,
): Observable<Checkpoint | undefined> {
  return defer(() => store.read(shard)).pipe(
    reduced(),
    take(1),
    defaultIfEmpty(undefined),
    answeredWithin(requestTimeoutMs, 'the store', scheduler),
    map((checkpoint) => {
      if (!checkpoint) return undefined;
      assertPosition(checkpoint, `checkpoint of ${shard.streamName}/${shard.shardId}`);
      assertSettledBeyond(checkpoint, shard);
      assertUnreleased(checkpoint, shard);
      return checkpoint;
    }),
    ownErrors('the checkpoint could not be read', shard, (cause) => faultKind(cause, {}) !== 'fatal'),
  );
}

/** Writes a checkpoint; completes when it is durable. All its errors are of this package. */
export function writeCheckpoint(
  store: CheckpointStore,
  checkpoint: Checkpoint,
  shard: ShardIdentity,
  limits: StoreCallLimits,
): Observable<never> {
  return completed(() => store.write(checkpoint, shard), 'the checkpoint could not be written', shard, limits);
}

/** Releases a shard's lease; completes when it is released. All its errors are of this package. */
export function releaseLease(store: LeasingStore, shard: ShardIdentity, lease: Lease, limits: StoreCallLimits): Observable<never> {
  return completed(() => store.release(shard, lease), 'the lease could not be released', shard, limits);
}

/** Makes a call that answers by completing. */
function completed(
  call: () => ObservableInput<unknown>,
  fault: string,
  shard: ShardName,
  { requestTimeoutMs, scheduler }: StoreCallLimits,
): Observable<never> {
  return defer(call).pipe(
    reduced(),
    ignoreElements(),
    // The time limit looks at the first value.
    endWith(0),
    answeredWithin(requestTimeoutMs, 'the store', scheduler),
    ignoreElements(),
    ownErrors(fault, shard),
  );
}

/** Wraps a reduced fault, or a time-out, into an error of this package; passes on errors that are of this package already. */
function ownErrors<T>(
  what: string,
  { streamName, shardId }: ShardName,
  mayPass: (cause: unknown) => boolean = () => true,
): MonoTypeOperatorFunction<T> {
  return catchError((cause: unknown) => {
    if (isRxKinesisError(cause)) throw cause;
    const { message } = cause as Error;
    throw new CheckpointError(`${what}: ${message}`, { streamName, shardId, retriable: mayPass(cause), cause });
  });
}
