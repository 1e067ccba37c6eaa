import { concatMap, defaultIfEmpty, defer, from, map, of, take, toArray, type Observable } from 'rxjs';
import { isStart } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { retryFaults } from '../kinesis/retry.js';
import type { ReadStart } from '../readers/reader.js';
import { assertPosition, AT_TIMESTAMP, LATEST, SHARD_END } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { ResolvedShardConfig } from './config.js';
import type { ReadyShard } from './shard-graph.js';

/** Where a shard stands when its turn comes. */
export interface Opened {
  /** What the store holds, unless that is only a word for where to begin. */
  readonly checkpoint: Checkpoint | undefined;
  /** Where to begin without a checkpoint; `'done'`: read to its end before; `'skipped'`: closed before reading began. */
  readonly start: ReadStart | 'done' | 'skipped';
}

/** What {@link openShard} looks at. */
export interface OpenShardOptions {
  readonly identity: ShardIdentity;
  /** What the shard's place among the others says about where to begin. */
  readonly ready: Pick<ReadyShard, 'hasReadParent' | 'hasResumedParent' | 'initial' | 'unlistedParentIds'> & {
    readonly shard: Pick<ReadyShard['shard'], 'closed'>;
  };
  readonly config: ResolvedShardConfig;
  /** What `'LATEST'` means, in ms. */
  readonly firstSeenMs: number;
}

/** Reads the shard's checkpoint and says where to begin. */
export function openShard(options: OpenShardOptions): Observable<Opened> {
  const { identity, config } = options;
  const { streamName, shardId } = identity;
  return readCheckpoint(identity, config.store).pipe(
    concatMap((checkpoint) => startOf(options, checkpoint).pipe(map((start) => ({ checkpoint: progress(checkpoint), start })))),
    retryFaults(config.retry, (notice) => config.notify({ type: 'readRetry', streamName, shardId, ...notice })),
  );
}

/** Where a shard without a checkpoint begins, for people. */
export function startToString(start: ReadStart): string {
  return start.type === 'AT_TIMESTAMP' ? start.timestamp.toISOString() : start.type;
}

const FROM_HORIZON: ReadStart = { type: 'TRIM_HORIZON' };

function startOf({ ready, config, firstSeenMs, identity }: OpenShardOptions, checkpoint?: Checkpoint): Observable<Opened['start']> {
  const { startFrom } = config;
  if (checkpoint?.sequenceNumber === SHARD_END) return of('done');
  // The word that the shard's row says goes before what this process would begin with.
  if (checkpoint?.sequenceNumber === LATEST) return of({ type: 'AT_TIMESTAMP', timestamp: new Date(firstSeenMs) });
  if (checkpoint?.sequenceNumber === AT_TIMESTAMP && startFrom instanceof Date) return of({ type: 'AT_TIMESTAMP', timestamp: startFrom });
  if (startFrom === 'TRIM_HORIZON' || checkpoint || ready.hasResumedParent) return of(FROM_HORIZON);
  return hasProgress(ready.unlistedParentIds, identity, config.store).pipe(
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
function hasProgress(parentIds: readonly string[], child: ShardIdentity, store: CheckpointStore | undefined): Observable<boolean> {
  const { streamName, hashKeyRange } = child;
  return from(parentIds).pipe(
    concatMap((shardId) => readCheckpoint({ streamName, shardId, parentShardIds: [], hashKeyRange }, store)),
    toArray(),
    map((checkpoints) => checkpoints.some((checkpoint) => progress(checkpoint) !== undefined)),
  );
}

/** Reads and checks a shard's checkpoint. */
function readCheckpoint(shard: ShardIdentity, store: CheckpointStore | undefined): Observable<Checkpoint | undefined> {
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
function progress(checkpoint: Checkpoint | undefined): Checkpoint | undefined {
  return checkpoint && !isStart(checkpoint) ? checkpoint : undefined;
}
