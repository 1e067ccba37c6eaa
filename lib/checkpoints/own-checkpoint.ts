import { compareSequenceNumbers, isSentinel, SHARD_END, type Position } from '../values/position.js';
import type { ShardName } from '../values/shard-id.js';
import type { Checkpoint } from './checkpoint-store.js';
import { ForeignCheckpointError } from './errors.js';

/**
 * Checks a stored checkpoint against the listing. If the checkpoint has the start of its shard, that must be the start of this one. If it
 * has none (a row of KCL), its number must not lie before this shard, and SHARD_END needs a closed shard.
 *
 * @throws ForeignCheckpointError
 */
export function assertOwn(checkpoint: Checkpoint, shard: ShardName, closed: boolean, shardStart: string | undefined): void {
  if (shardStart === undefined) return;
  const { sequenceNumber, shardStart: stored } = checkpoint;
  if (stored !== undefined) assertOwnStart(stored, checkpoint, shard, shardStart);
  else if (sequenceNumber === SHARD_END) {
    if (!closed) throw foreign(checkpoint, shard, shardStart, 'the stream lists the shard as open');
  } else if (!isSentinel(sequenceNumber) && compareSequenceNumbers(sequenceNumber, shardStart) < 0)
    throw foreign(checkpoint, shard, shardStart, 'its number lies before that');
}

/** Throws if the shard of a checkpoint begins elsewhere than this one. @throws ForeignCheckpointError */
export function assertOwnStart(stored: string, checkpoint: Position, shard: ShardName, shardStart: string): void {
  if (compareSequenceNumbers(stored, shardStart) !== 0)
    throw foreign(checkpoint, shard, shardStart, `it was stored for one that begins at ${stored}`);
}

function foreign(checkpoint: Position, { streamName, shardId }: ShardName, shardStart: string, reason: string): ForeignCheckpointError {
  return new ForeignCheckpointError({ streamName, shardId, checkpoint, shardStart, reason });
}
