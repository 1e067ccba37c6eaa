import { defer, of } from 'rxjs';
import { assertCheckpoint, assertNotBackwards } from './checkpoint-rules.js';
import type { Checkpoint, CheckpointStore } from './checkpoint-store.js';
import { SequenceNumberRanges } from '../values/sequence-range.js';
import { shardKey } from '../values/shard-id.js';

/**
 * Keeps checkpoints in this process's memory: for tests, and for pipelines that must remember their progress only as long as the
 * process runs.
 *
 * @remarks
 * The process loses everything at its end. `read` and `write` emit synchronously; `write` emits one `undefined`. Keeps `settledBeyond`
 * and `unreleased` too. Memory: one small object a shard, for as long as the store lives.
 *
 * Errors of `write`, none of them retriable: `CheckpointError` for a checkpoint before the stored one (the same one may be
 * written again), `InvalidValueError` for one that is malformed, belongs to another shard, or is a start such as `LATEST`.
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

/**
 * Copies the checkpoint, so that later changes to the object or its arrays do not change the stored one. The instances of the blocks' ranges
 * would keep the whole state of their shard in memory.
 */
function copyOf({ settledBeyond, unreleased, ...others }: Checkpoint): Checkpoint {
  return {
    ...others,
    ...(settledBeyond && { settledBeyond: [...settledBeyond] }),
    ...(unreleased && { unreleased: unreleased.map(({ ranges }) => new SequenceNumberRanges(ranges)) }),
  };
}
