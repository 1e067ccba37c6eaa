import { concat, concatMap, defer, from, ignoreElements, of, throwError, type Observable } from 'rxjs';
import type { LeasableShard } from '../checkpoints/checkpoint-store.js';
import { CheckpointError } from '../checkpoints/errors.js';
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
 * A KCL fleet never makes the missing row of a child whose parent has ended. The other parent of a merge gets a row first if it has none,
 * since otherwise KCL would begin the child before that parent is read; it never had a row, since the clean-up waits for the child.
 *
 * Errors with a retriable `CheckpointError` while not all children are known: those that the shard named, or else those in view, must cover
 * its hash key range.
 */
export function makeChildren(
  port: Pick<LeasePort, 'create'>,
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
      // Without a read before: a row that is there stays as it is, also one that cannot be read.
      from([...others, ...children]).pipe(concatMap(make), ignoreElements()),
      of(children.map(({ shardId }) => shardId)),
    );
  });
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
