import { defer, of } from 'rxjs';
import { assertCheckpoint, assertNotBackwards } from './checkpoint-rules.js';
import type { Checkpoint, CheckpointStore } from './checkpoint-store.js';
import { shardKey } from '../values/shard-id.js';

/**
 * Keeps checkpoints in this process's memory: for tests, and for pipelines that need progress only between restarts of
 * their source and not of the process.
 *
 * @remarks
 * Everything is lost with the process. `read` and `write` emit synchronously, `write` one `undefined`. What is settled
 * beyond a checkpoint is kept. Memory: one small object a shard, kept for as long as the store.
 *
 * Errors of `write`, none of them retriable: `CheckpointError` for a checkpoint before the stored one (the same one may be
 * written again), `InvalidValueError` for one that is malformed, of another shard, or a place to begin at such as `LATEST`.
 *
 * @example
 * ```ts
 * const store = memoryCheckpoints();
 * kinesisStream({ client, streamName: 'flights', startFrom: 'TRIM_HORIZON', store });
 * ```
 */
export function memoryCheckpoints(): CheckpointStore {
  const checkpoints = new Map<string, Checkpoint>();

  return {
    keepsUnreleased: true,
    read: (shard) => defer(() => of(checkpoints.get(shardKey(shard)))),
    write: (checkpoint, shard) =>
      defer(() => {
        assertCheckpoint(checkpoint, shard);
        const key = shardKey(shard);
        assertNotBackwards(checkpoints.get(key), checkpoint);
        checkpoints.set(key, copyOf(checkpoint));
        return of(undefined);
      }),
  };
}

/** Neither the object nor its arrays may change under the store. */
function copyOf({ settledBeyond, unreleased, ...others }: Checkpoint): Checkpoint {
  return { ...others, ...(settledBeyond && { settledBeyond: [...settledBeyond] }), ...(unreleased && { unreleased: [...unreleased] }) };
}
