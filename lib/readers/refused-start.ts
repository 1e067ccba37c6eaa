import { catchError, concatMap, map, of, throwError, type Observable } from 'rxjs';
import { ForeignCheckpointError } from '../checkpoints/errors.js';
import { nameOf } from '../internal/aws-errors.js';
import { classify } from '../kinesis/classify.js';
import { ShardReadError } from '../kinesis/errors.js';
import { findShard } from '../kinesis/listShards.js';
import { FOREIGN, REOPEN, type PageContinuity } from './page-continuity.js';
import type { ReadContext, ShardPage } from './reader.js';

/** Stands for a way to read on when the shard is gone; not `undefined`, since an answer without one does not mean that. */
export const GONE = Symbol('gone');

/** The page of a shard that is gone; the listing knows its children. */
export const NOTHING_LEFT: ShardPage = { records: [], bytes: 0, millisBehindLatest: 0, ended: true, childShards: [] };

/** A start that the service has refused. */
export interface RefusedStart {
  readonly error: unknown;
  /** The time that was asked for, if the start is a time. */
  readonly askedAt: Date | undefined;
  readonly continuity: PageContinuity;
  readonly context: ReadContext;
}

/**
 * Decides what a refused start means: emits {@link REOPEN} when reading must be opened at the continuity's new start, or {@link GONE} when the shard is
 * gone with all its records. Errors with anything that is no verdict on the start.
 */
export function afterRefusal({ error, askedAt, continuity, context }: RefusedStart): Observable<typeof REOPEN | typeof GONE> {
  const { start, position, looksAtOldest } = continuity;
  const { stream, port, shardId } = context;
  const name = nameOf(error);
  if (askedAt && start.type === 'AT_TIMESTAMP' && name === 'InvalidArgumentException') {
    if (start.putBack?.(askedAt)) return of(REOPEN);
    const message = `the time ${start.timestamp.toISOString()} is not in the past for Kinesis`;
    throw new ShardReadError(message, { streamName: stream.streamName, shardId, retriable: true, cause: error });
  }
  if (!position || looksAtOldest) throw error;
  if (name === 'InvalidArgumentException') return openElsewhere(continuity, context);
  if (name !== 'ResourceNotFoundException') throw error;
  // If the stream is unknown, listing its shards errors; otherwise only the record or its shard is gone.
  return findShard(port, stream.id, shardId).pipe(
    concatMap((shard): Observable<typeof REOPEN | typeof GONE> => {
      if (shard) return openElsewhere(continuity, context);
      continuity.skipGap(position, undefined, error);
      return of(GONE);
    }),
  );
}

function openElsewhere(continuity: PageContinuity, context: ReadContext): Observable<typeof REOPEN> {
  return continuity.refused() === FOREIGN ? foreignStart(continuity, context) : of(REOPEN);
}

/**
 * Errors with a ForeignCheckpointError that says where the shard begins: as the list of shards gives it, or else, without the permission to list, an older
 * record.
 */
export function foreignStart({ position, olderRecord }: PageContinuity, { port, stream, shardId }: ReadContext): Observable<never> {
  return findShard(port, stream.id, shardId).pipe(
    map((shard) => shard?.SequenceNumberRange.StartingSequenceNumber),
    catchError((error: unknown) => (classify(error) === 'fatal' ? of(undefined) : throwError(() => error))),
    map((shardStart = olderRecord!) => {
      const reason = `its record ${olderRecord!} is there, and this number is none of its records`;
      throw new ForeignCheckpointError({ streamName: stream.streamName, shardId, checkpoint: position!, shardStart, reason });
    }),
  );
}
