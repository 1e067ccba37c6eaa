import { concatMap, defer, map, mergeMap, of, retry, throwError, type Observable, type SchedulerLike } from 'rxjs';
import type { Checkpoint, LeasableShard, Lease, LeaseNews } from '../checkpoints/checkpoint-store.js';
import { delayOf } from '../internal/delay.js';
import { isRxKinesisError } from '../values/errors.js';
import { SHARD_END } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';

/** Where leases are taken. */
export interface Granting {
  readonly read: (shard: ShardIdentity) => Observable<Checkpoint | undefined>;
  readonly take: (shard: ShardIdentity) => Observable<Lease>;
}

/** Takes each shard once its parents are done, whoever holds it, and tells of those that are done already. */
export function takeReady(shards$: Observable<readonly LeasableShard[]>, table: Granting, scheduler: SchedulerLike): Observable<LeaseNews> {
  return defer(() => {
    const asked = new Set<string>();
    const isNew = ({ shardId, isReady }: LeasableShard): boolean => isReady && !asked.has(shardId) && asked.add(shardId).has(shardId);
    return shards$.pipe(
      mergeMap((shards) => shards.filter(isNew)),
      mergeMap((shard) => newsOf(shard, table, scheduler)),
    );
  });
}

function newsOf(shard: ShardIdentity, { read, take }: Granting, scheduler: SchedulerLike): Observable<LeaseNews> {
  const { shardId } = shard;
  return read(shard).pipe(
    concatMap((checkpoint): Observable<LeaseNews> => {
      if (checkpoint?.sequenceNumber === SHARD_END) return of({ type: 'ended', shardId });
      return take(shard).pipe(map((lease) => ({ type: 'granted', shardId, lease })));
    }),
    retry({
      delay: (error: unknown) =>
        isRxKinesisError(error) && !error.retriable ? throwError(() => error) : delayOf(RETRY_DELAY_MS, scheduler),
    }),
  );
}

const RETRY_DELAY_MS = 1_000;
