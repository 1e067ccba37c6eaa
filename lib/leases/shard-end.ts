import { catchError, concat, concatMap, defer, EMPTY, endWith, from, ignoreElements, map, of, throwError, type Observable } from 'rxjs';
import type { LeasableShard } from '../checkpoints/checkpoint-store.js';
import { CheckpointError } from '../checkpoints/errors.js';
import { isInvalidValue } from '../values/errors.js';
import { TRIM_HORIZON } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { LeasePort } from './lease-port.js';
import { areAllChildren } from './listed-shards.js';
import { newLease } from './new-lease.js';

type Child = Omit<ShardIdentity, 'streamName'>;

/**
 * Makes the rows of a shard's children, which begin at TRIM_HORIZON, and emits the children's ids: only then may SHARD_END be written.
 *
 * @remarks
 * A KCL fleet never makes the missing row of a child whose parent has ended. The other parent of a merge gets a row first if neither it nor the child has
 * one, since otherwise KCL would begin the child before that parent is read. Where the child has a row, that of the parent was cleaned up: a write that
 * is made late, or again after its reply was lost, must not have the parent read once more.
 *
 * Errors with a retriable `CheckpointError` while not all children are known: those that the shard named, or else those in view, must cover
 * its hash key range.
 */
export function makeChildren(
  port: Pick<LeasePort, 'create' | 'get'>,
  shard: ShardIdentity,
  shards: ReadonlyMap<string, LeasableShard>,
): Observable<readonly string[]> {
  return defer(() => {
    const children = childrenOf(shard, shards);
    if (!children) return throwError(() => childrenUnknown(shard));
    const otherIds = new Set(children.flatMap(({ parentShardIds }) => parentShardIds).filter((id) => id !== shard.shardId));
    const others = [...otherIds].flatMap((id) => shards.get(id) ?? []);
    const make = (of: Child): Observable<boolean> => port.create(newLease(of, TRIM_HORIZON));
    return concat(
      others.length === 0 ? EMPTY : hasRow(port, children[0]!).pipe(concatMap((has) => (has ? EMPTY : from(others).pipe(concatMap(make))))),
      // Without a read before: a row that is there stays as it is, also one that cannot be read.
      from(children).pipe(concatMap(make)),
    ).pipe(ignoreElements(), endWith(children.map(({ shardId }) => shardId)));
  });
}

/** Emits whether a shard has a row, perhaps one that cannot be read. */
function hasRow(port: Pick<LeasePort, 'get'>, { shardId }: Child): Observable<boolean> {
  return port.get(shardId).pipe(
    map((row) => row !== undefined),
    catchError((error: unknown) => (isInvalidValue(error) ? of(true) : throwError(() => error))),
  );
}

function childrenOf(shard: ShardIdentity, shards: ReadonlyMap<string, LeasableShard>): readonly Child[] | undefined {
  const { shardId, childShards } = shard;
  const hashKeyRange = shard.hashKeyRange ?? shards.get(shardId)?.hashKeyRange;
  const listed = [...shards.values()].filter(({ parentShardIds }) => parentShardIds.includes(shardId));
  return [childShards ?? [], listed].find((children) => areAllChildren({ hashKeyRange }, children));
}

function childrenUnknown({ streamName, shardId }: ShardIdentity): CheckpointError {
  const message = 'the end of a shard is written once its children have rows, and not all of them are known yet';
  return new CheckpointError(message, { streamName, shardId, retriable: true });
}
