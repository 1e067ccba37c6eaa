import { catchError, defer, from, map, of, switchMap, tap, throwError, type Observable } from 'rxjs';
import { assertCheckpoint, assertNotBackwards } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { CheckpointError } from '../checkpoints/errors.js';
import { KeyedQueue } from '../internal/keyed-queue.js';
import { uninterrupted } from '../internal/uninterrupted.js';
import { InvalidConfigError, isRxKinesisError } from '../values/errors.js';
import { entryKey, readEntry, writeEntry } from './checkpoint-entry.js';
import { codeOf, isNotFound, isPassing } from './level-error.js';
import { isLevelDatabase, type LevelDatabase, type LevelReadOptions, type LevelWriteOptions } from './level-database.js';
import type { ShardName } from '../values/shard-id.js';

/**
 * Keeps checkpoints in an `abstract-level` database: `classic-level` on disk, `browser-level` in a browser, `memory-level`
 * in tests.
 *
 * @remarks
 * The database is the caller's: it is neither opened nor closed here, and may hold other things (keys here begin with
 * `rx-kinesis/checkpoint/`). A `write` completes once the entry is on the disk, so it survives the loss of power with
 * `classic-level`. Writes of one shard are made one after another; unsubscribing does not take back a write that has
 * begun. What is settled beyond a checkpoint is kept. A LevelDB directory belongs to one process at a time: for several
 * workers take `leaseTable` of `rx-kinesis/dynamodb`.
 *
 * Errors: `CheckpointError`, retriable when the database is not open or its disk failed, not retriable when a write would
 * go back behind the stored checkpoint; `InvalidValueError` for an entry that is corrupt or foreign (it is not
 * overwritten), and for a checkpoint that is malformed, of another shard, or a place to begin at such as `LATEST`.
 *
 * @example
 * ```ts
 * const store = levelCheckpoints(new ClassicLevel('./checkpoints'));
 * kinesisStream({ client, streamName: 'flights', startFrom: 'TRIM_HORIZON', store });
 * ```
 *
 * @param db - an open database, or one that is opening.
 * @throws InvalidConfigError when `db` has no `get` and `put`.
 */
export function levelCheckpoints(db: LevelDatabase): CheckpointStore {
  if (!isLevelDatabase(db))
    throw new InvalidConfigError('levelCheckpoints: expected db to be an abstract-level database, with get and put');
  const turns = new KeyedQueue();

  const read = (shard: ShardName) => getEntry(db, shard).pipe(map((text) => (text === undefined ? undefined : readEntry(text, shard))));
  const write = (checkpoint: Checkpoint, shard: ShardName) =>
    read(shard).pipe(
      tap((stored) => assertNotBackwards(stored, checkpoint)),
      switchMap(() => putEntry(db, checkpoint)),
    );

  return {
    keepsUnreleased: true,
    read: (shard) => defer(() => read(shard)),
    write: (checkpoint, shard) =>
      defer(() => {
        assertCheckpoint(checkpoint, shard);
        return uninterrupted(turns.run(entryKey(shard), write(checkpoint, shard)));
      }),
  };
}

const READ_OPTIONS: LevelReadOptions = { keyEncoding: 'utf8', valueEncoding: 'utf8' };
const WRITE_OPTIONS: LevelWriteOptions = { ...READ_OPTIONS, sync: true };

function getEntry(db: LevelDatabase, shard: ShardName): Observable<string | undefined> {
  return defer(() => from(db.get(entryKey(shard), READ_OPTIONS))).pipe(
    catchError((error: unknown) => (isNotFound(error) ? of(undefined) : throwError(() => storeError('read', error, shard)))),
  );
}

function putEntry(db: LevelDatabase, checkpoint: Checkpoint): Observable<undefined> {
  return defer(() => from(db.put(entryKey(checkpoint), writeEntry(checkpoint), WRITE_OPTIONS))).pipe(
    map(() => undefined),
    catchError((error: unknown) => throwError(() => storeError('write', error, checkpoint))),
  );
}

function storeError(action: string, cause: unknown, { streamName, shardId }: ShardName): Error {
  if (isRxKinesisError(cause)) return cause;
  return new CheckpointError(`the level database could not ${action} the checkpoint: ${codeOf(cause) ?? 'unknown error'}`, {
    streamName,
    shardId,
    retriable: isPassing(cause),
    cause,
  });
}
