import { defer, map, of, switchMap, throwError, type Observable } from 'rxjs';
import { assertNotBackwards } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import { CheckpointError, LeaseLostError } from '../checkpoints/errors.js';
import { SHARD_END, TRIM_HORIZON } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import { holderOf } from './lease.js';
import type { LeasePort } from './lease-port.js';
import { checkpointUpdate, storedOf } from './lease-updates.js';
import { newLease } from './new-lease.js';

const MAX_ATTEMPTS = 5;

/**
 * Stores the checkpoint of a shard whose lease this worker never held, as for `kinesisShard`, but only while no worker holds the lease.
 *
 * @remarks
 * The row stays without owner. The write increases the counter, so a worker that takes the lease at the same moment either sees the
 * checkpoint, or makes the write fail.
 */
export function unownedCheckpoint(
  port: Pick<LeasePort, 'create' | 'get' | 'update'>,
  checkpoint: Checkpoint,
  shard: ShardIdentity,
  childShardIds: readonly string[],
  attempts = 1,
): Observable<undefined> {
  const again = (done: boolean): Observable<undefined> => {
    if (done) return of(undefined);
    if (attempts < MAX_ATTEMPTS) return unownedCheckpoint(port, checkpoint, shard, childShardIds, attempts + 1);
    return throwError(() => contended(checkpoint));
  };
  const stored = storedOf(checkpoint);
  const { sequenceNumber, subSequenceNumber, ...kept } = stored;
  const isEnd = sequenceNumber === SHARD_END;
  const row = { ...newLease(shard, TRIM_HORIZON), ...(!isEnd && { checkpoint: { sequenceNumber, subSequenceNumber }, ...kept }) };
  return defer(() => port.get(shard.shardId)).pipe(
    switchMap((known) => {
      // SHARD_END is written in a second step, together with the children.
      if (!known) return port.create(row).pipe(map((done) => done && !isEnd));
      if (holderOf(known) !== undefined) return throwError(() => new LeaseLostError(checkpoint));
      assertNotBackwards(known.checkpoint, checkpoint);
      const unowned = { leaseCounter: known.leaseCounter, leaseOwner: null, checkpointOwner: null };
      return port.update(shard.shardId, checkpointUpdate(unowned, stored, childShardIds));
    }),
    switchMap(again),
  );
}

function contended({ streamName, shardId }: Checkpoint): CheckpointError {
  const message = `the row was changed by others ${MAX_ATTEMPTS} times while it was being written`;
  return new CheckpointError(message, { streamName, shardId, retriable: true });
}
