import { catchError, concatMap, from, map, of, tap, throwError, toArray, type Observable } from 'rxjs';
import { isStart } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint } from '../checkpoints/checkpoint-store.js';
import { assertOwn } from '../checkpoints/own-checkpoint.js';
import { readCheckpoint } from '../checkpoints/store-calls.js';
import { classify } from '../kinesis/classify.js';
import { RangeExpiredError } from '../kinesis/errors.js';
import { findShard } from '../kinesis/listShards.js';
import type { PortShard } from '../kinesis/port.js';
import { retryFaults } from '../kinesis/retry.js';
import { allowsGap, type ReadStart } from '../readers/reader.js';
import { AT_TIMESTAMP, LATEST, SHARD_END } from '../values/position.js';
import type { ShardIdentity } from '../values/shard-id.js';
import type { ResolvedShardConfig } from './config.js';
import type { LatestMoment } from './latest-moment.js';
import type { ReadyShard } from './shard-graph.js';

/** Where a shard stands when it is opened. */
export interface Opened {
  /** The stored checkpoint, unless it is only a sentinel for where to begin. */
  readonly checkpoint: Checkpoint | undefined;
  /** Where to begin without a checkpoint; `'done'`: the shard was read to its end before; `'skipped'`: it was closed before `'LATEST'`. */
  readonly start: ReadStart | 'done' | 'skipped';
  /** The sequence number at which the shard begins, as ListShards gives it, where it is known by now. */
  readonly shardStart: string | undefined;
}

/** What {@link openShard} needs to know. */
export interface OpenShardOptions {
  readonly identity: ShardIdentity;
  /** What the shard graph says about where to begin. */
  readonly ready: Pick<ReadyShard, 'hasReadParent' | 'hasResumedParent' | 'initial' | 'unlistedParentIds'> & {
    readonly shard: Pick<ReadyShard['shard'], 'closed'>;
  };
  readonly config: ResolvedShardConfig;
  /** The time that `'LATEST'` means. */
  readonly latest: LatestMoment;
  /** Whether no listing will say where the shard begins, so that it is looked up here. */
  readonly isUnlisted?: boolean;
}

/**
 * Reads the shard's checkpoint, checks that it belongs to this shard, and decides where to begin.
 *
 * @remarks
 * Errors with a `ForeignCheckpointError` for a checkpoint of another shard of this name, and with a `RangeExpiredError` (under
 * `onGap: 'fail'`) when a parent that is no longer listed was not read to its end.
 */
export function openShard(options: OpenShardOptions): Observable<Opened> {
  return readStored(options.identity, options.config).pipe(
    concatMap((checkpoint) => listed(options, checkpoint !== undefined).pipe(map((shard) => ({ checkpoint, ...shard })))),
    tap(({ checkpoint, closed, shardStart }) => checkpoint && assertOwn(checkpoint, options.identity, closed, shardStart)),
    concatMap(({ checkpoint, shardStart }) =>
      startOf(options, checkpoint).pipe(map((start) => ({ checkpoint: progress(checkpoint), start, shardStart }))),
    ),
  );
}

interface Listed {
  readonly shardStart: string | undefined;
  readonly closed: boolean;
}

/** The shard as listed. Lists the shards only when there is a checkpoint to compare with, or when no other listing will come. */
function listed({ identity, ready, config, isUnlisted }: OpenShardOptions, hasCheckpoint: boolean): Observable<Listed> {
  const known = { shardStart: identity.startingSequenceNumber, closed: ready.shard.closed };
  const isNeeded = known.shardStart === undefined && config.store !== undefined && (hasCheckpoint || isUnlisted);
  if (!isNeeded) return of(known);
  const { streamName, shardId } = identity;
  return findShard(config.port, config.stream.id, shardId).pipe(
    retryFaults(config.retry, (notice) => config.notify({ type: 'readRetry', streamName, shardId, ...notice })),
    map((shard) => (shard ? { shardStart: shard.SequenceNumberRange.StartingSequenceNumber, closed: isClosed(shard) } : known)),
    // Credentials that may read a shard may perhaps not list the shards.
    catchError((error: unknown) => (classify(error) === 'fatal' ? of(known) : throwError(() => error))),
  );
}

function isClosed({ SequenceNumberRange }: PortShard): boolean {
  return SequenceNumberRange.EndingSequenceNumber !== undefined;
}

/** Emits the stored checkpoint of a shard, or `undefined`, once; faults that pass are retried and reported. */
export function readStored(identity: ShardIdentity, config: ResolvedShardConfig): Observable<Checkpoint | undefined> {
  const { store, retry, notify } = config;
  const { streamName, shardId } = identity;
  if (!store) return of(undefined);
  return readCheckpoint(store, identity, config).pipe(
    config.storeContact.watch(),
    retryFaults(retry, (notice) => notify({ type: 'storeRetry', streamName, shardId, ...notice })),
  );
}

/** Where a shard without a checkpoint begins, for people. */
export function startToString(start: ReadStart): string {
  return start.type === 'AT_TIMESTAMP' ? start.timestamp.toISOString() : start.type;
}

const FROM_HORIZON: ReadStart = { type: 'TRIM_HORIZON' };

function startOf(options: OpenShardOptions, checkpoint?: Checkpoint): Observable<Opened['start']> {
  const { ready, config, latest } = options;
  const { startFrom } = config;
  if (checkpoint?.sequenceNumber === SHARD_END) return of('done');
  if (progress(checkpoint)) return of(FROM_HORIZON);
  return lookAtUnlistedParents(options).pipe(
    map((parentWasRead) => {
      if (checkpoint) return parentWasRead ? FROM_HORIZON : startAtSentinel(checkpoint, options);
      if (startFrom === 'TRIM_HORIZON' || parentWasRead || ready.hasResumedParent) return FROM_HORIZON;
      // Also for a child of a shard that was read from this time: its records from before that time are not wanted.
      if (startFrom instanceof Date) return { type: 'AT_TIMESTAMP', timestamp: startFrom };
      if (ready.hasReadParent || !ready.initial) return FROM_HORIZON;
      return ready.shard.closed ? 'skipped' : latest.start;
    }),
  );
}

/** Where a row that says only where to begin has reading begin, whatever `startFrom` of this process. */
function startAtSentinel({ sequenceNumber, startTimestamp }: Checkpoint, { config: { startFrom }, latest }: OpenShardOptions): ReadStart {
  if (sequenceNumber === LATEST) return latest.startOf(startTimestamp);
  return sequenceNumber === AT_TIMESTAMP && startFrom instanceof Date ? { type: 'AT_TIMESTAMP', timestamp: startFrom } : FROM_HORIZON;
}

/**
 * Emits whether one of the parents was worked on before it left the listing: then all of its child must be read. Records of such a parent
 * that were not read are gone.
 */
function lookAtUnlistedParents({ identity, ready, config }: OpenShardOptions): Observable<boolean> {
  const { streamName, hashKeyRange } = identity;
  return from(ready.unlistedParentIds).pipe(
    concatMap((shardId) => readStored({ streamName, shardId, parentShardIds: [], hashKeyRange }, config)),
    map(progress),
    tap((checkpoint) => checkpoint && checkpoint.sequenceNumber !== SHARD_END && skipRestOf(checkpoint, config)),
    toArray(),
    map((checkpoints) => checkpoints.some((checkpoint) => checkpoint !== undefined)),
  );
}

function skipRestOf({ streamName, shardId, sequenceNumber, subSequenceNumber }: Checkpoint, { onGap, notify }: ResolvedShardConfig): void {
  const gap = { streamName, shardId, from: { sequenceNumber, subSequenceNumber } };
  if (!allowsGap(onGap, gap)) throw new RangeExpiredError(gap, []);
  notify({ type: 'gap', ...gap });
}

/** The checkpoint if it says how far the work has come; `undefined` if it is a sentinel for where to begin. */
function progress(checkpoint: Checkpoint | undefined): Checkpoint | undefined {
  return checkpoint && !isStart(checkpoint) ? checkpoint : undefined;
}
