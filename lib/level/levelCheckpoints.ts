import { catchError, defer, from, map, of, switchMap, tap, throwError, type Observable } from 'rxjs';
import { assertCheckpoint, assertNotBackwards } from '../checkpoints/checkpoint-rules.js';
import type { Checkpoint, CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { CheckpointError } from '../checkpoints/errors.js';
import { reducedFault } from '../internal/aws-fault.js';
import { writesTo } from '../internal/write-queue.js';
import { InvalidConfigError, isRxKinesisError } from '../values/errors.js';
import { entryKey, readEntry, writeEntry } from './checkpoint-entry.js';
import { codeOf, isNotFound, isPassing } from './level-error.js';
import { isLevelDatabase, type LevelDatabase, type LevelReadOptions, type LevelWriteOptions } from './level-database.js';
import { positionToString } from '../values/sequence-range.js';
import type { ShardName } from '../values/shard-id.js';

/**
 * Keeps checkpoints in an `abstract-level` database: `classic-level` on disk, `browser-level` in a browser, `memory-level`
 * in tests.
 *
 * @remarks
 * You own the database: this store neither opens nor closes it, and it may hold other entries (the keys here begin with
 * `rx-kinesis/checkpoint/`). A `write` completes once the entry is on the disk, so with `classic-level` it survives a power failure.
 * Writes of one shard run one after another, also those of two stores of one `db`; unsubscribing does not cancel a write that has begun.
 * Keeps `settledBeyond` and `unreleased` too. A LevelDB directory belongs to one process at a time: for several workers use `leaseTable` of
 * `rx-kinesis/dynamodb`.
 *
 * Errors: `CheckpointError`, retriable when the database is not open, its disk failed, or an earlier write of the shard hangs (its caller
 * and one that waited for it have unsubscribed), not retriable when a write would go back before the stored checkpoint;
 * `InvalidValueError` for an entry that is corrupt or foreign (it is not overwritten), and for a checkpoint that is malformed, belongs to
 * another shard, or is a start such as `LATEST`.
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
  const writes = writesTo(db);

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
        return writes.run({
          key: entryKey(shard),
          name: `the write of ${positionToString(checkpoint)}`,
          work: write(checkpoint, shard),
          refusal: (before) => new CheckpointError(`${failedTo('write')}: it has not answered ${before}`, { ...shard, retriable: true }),
        });
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
  // The database's own message may quote its content.
  const fault = reducedFault(cause);
  return new CheckpointError(`${failedTo(action)}: ${codeOf(fault) ?? 'unknown error'}`, {
    streamName,
    shardId,
    retriable: isPassing(cause),
    cause: fault,
  });
}

function failedTo(action: string): string {
  return `the level database could not ${action} the checkpoint`;
}
