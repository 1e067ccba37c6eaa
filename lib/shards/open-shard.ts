import { concatMap, defaultIfEmpty, defer, from, map, of, take, toArray, type Observable } from 'rxjs';
import { isStart } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import type { ReadStart } from '../readers/reader.js';
import { retryFaults } from '../kinesis/retry.js';
import type { ReadyShard } from './shard-graph.js';
import { assertPosition, SHARD_END } from '../values/position.js';
import type { ResolvedShardConfig } from './config.js';
import type { ShardLease } from './shard-lease.js';
import type { ShardIdentity } from '../values/shard-id.js';

/** Where a shard stands when its turn comes. */
export interface Opened {
  /** What the store holds, unless that is only a word for where to begin. */
  readonly checkpoint: Checkpoint | undefined;
  /** Where to begin without a checkpoint; `'done'`: read to its end before; `'skipped'`: closed before reading began. */
  readonly start: ReadStart | 'done' | 'skipped';
}

/** Reads the shard's checkpoint, takes its lease where there are leases and it is not done yet, and says where to begin. */
export function openShard(
  shard: ShardIdentity,
  lease: ShardLease,
  ready: ReadyShard,
  reading: ResolvedShardConfig,
  firstSeenMs: number,
): Observable<Opened> {
  const { store, retry, notify } = reading;
  const look$ = readCheckpoint(shard, store).pipe(
    concatMap((checkpoint) =>
      startOf(ready, checkpoint, reading, firstSeenMs).pipe(map((start) => ({ checkpoint: progress(checkpoint), start }))),
    ),
  );
  // Before a lease is taken another worker may still write: what it wrote last is read once the lease is ours.
  const takeLease = (before: Opened): Observable<Opened> =>
    lease.isNeeded && typeof before.start === 'object' ? lease.take().pipe(concatMap(() => look$)) : of(before);

  return look$.pipe(
    concatMap(takeLease),
    retryFaults(retry, (notice) => notify({ type: 'readRetry', streamName: shard.streamName, shardId: shard.shardId, ...notice })),
  );
}

/** Reads and checks a shard's checkpoint. */
export function readCheckpoint(shard: ShardIdentity, store: CheckpointStore | undefined): Observable<Checkpoint | undefined> {
  if (!store) return of(undefined);
  return defer(() => from(store.read(shard))).pipe(
    take(1),
    defaultIfEmpty(undefined),
    map((checkpoint) => {
      if (checkpoint) assertPosition(checkpoint, `checkpoint of ${shard.streamName}/${shard.shardId}`);
      return checkpoint;
    }),
  );
}

/** A checkpoint that says how far the work has come, and not only where it was to begin. */
export function progress(checkpoint: Checkpoint | undefined): Checkpoint | undefined {
  return checkpoint && !isStart(checkpoint) ? checkpoint : undefined;
}

/** Where a shard without a checkpoint begins, for people. */
export function startToString(start: ReadStart): string {
  return start.type === 'AT_TIMESTAMP' ? start.timestamp.toISOString() : start.type;
}

const FROM_HORIZON: ReadStart = { type: 'TRIM_HORIZON' };

function startOf(
  ready: ReadyShard,
  checkpoint: Checkpoint | undefined,
  reading: ResolvedShardConfig,
  firstSeenMs: number,
): Observable<Opened['start']> {
  const { startFrom } = reading;
  if (checkpoint?.sequenceNumber === SHARD_END) return of('done');
  if (startFrom === 'TRIM_HORIZON' || checkpoint || ready.hasResumedParent) return of(FROM_HORIZON);
  return hasProgress(ready.unlistedParentIds, ready, reading).pipe(
    map((parentWasRead) => {
      if (parentWasRead) return FROM_HORIZON;
      // Also for a child of a shard that began there: what it holds from before is not asked for.
      if (startFrom instanceof Date) return { type: 'AT_TIMESTAMP', timestamp: startFrom };
      if (ready.hasReadParent || !ready.initial) return FROM_HORIZON;
      return ready.shard.closed ? 'skipped' : { type: 'AT_TIMESTAMP', timestamp: new Date(firstSeenMs) };
    }),
  );
}

/** Whether one of the parents was worked on before it fell out of the listing: then its child is due in full. */
function hasProgress(parentIds: readonly string[], { shard }: ReadyShard, { store, stream }: ResolvedShardConfig): Observable<boolean> {
  return from(parentIds).pipe(
    concatMap((shardId) =>
      readCheckpoint({ streamName: stream.streamName, shardId, parentShardIds: [], hashKeyRange: shard.hashKeyRange }, store),
    ),
    toArray(),
    map((checkpoints) => checkpoints.some((checkpoint) => progress(checkpoint) !== undefined)),
  );
}
