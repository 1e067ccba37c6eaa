import { from } from 'rxjs';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { Position } from '../../lib/values/position.js';
import { identityOf } from './fast-reading.js';

/** A store in memory that has these checkpoints of shards of the fake stream, by their numbers. */
export function storeWith(checkpoints: Readonly<Record<number, Position | string>>): CheckpointStore {
  const store = memoryCheckpoints();
  for (const [shard, checkpoint] of Object.entries(checkpoints)) {
    const position = typeof checkpoint === 'string' ? { sequenceNumber: checkpoint, subSequenceNumber: 0 } : checkpoint;
    const identity = identityOf(Number(shard));
    from(store.write({ ...identity, ...position }, identity)).subscribe();
  }
  return store;
}

/** The sequence number that a store in memory has for a shard of the fake stream. */
export function checkpointOf(store: CheckpointStore, shard = 0): string | undefined {
  let sequenceNumber: string | undefined;
  from(store.read(identityOf(shard))).subscribe((checkpoint) => (sequenceNumber = checkpoint?.sequenceNumber));
  return sequenceNumber;
}
