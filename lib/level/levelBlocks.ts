import {
  catchError,
  concatMap,
  defer,
  filter,
  from,
  ignoreElements,
  map,
  mergeMap,
  of,
  throwError,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';
import { blockEncoder, decodeBlock, type EncodeBlockConfig } from '../blocks/block-codec.js';
import { blockIdIn, blockName } from '../blocks/block-name.js';
import type { BlockStore } from '../blocks/block-store.js';
import { BlockStoreError } from '../blocks/errors.js';
import { reducedFault } from '../internal/aws-fault.js';
import { writesTo } from '../internal/write-queue.js';
import type { Block } from '../values/block.js';
import { InvalidConfigError, isRxKinesisError } from '../values/errors.js';
import type { SequenceNumberRangesJson } from '../values/sequence-range.js';
import { isLevelBlockDatabase, type LevelBlockDatabase, type LevelChange } from './level-database.js';
import { codeOf, isNotFound, isPassing } from './level-error.js';

/**
 * Keeps blocks in an `abstract-level` database: `classic-level` on disk, `browser-level` in a browser, `memory-level` in tests.
 *
 * @remarks
 * You own the database: this store neither opens nor closes it, and it may hold other entries (the keys here begin with
 * `rx-kinesis/block/`). A block and its index entry are written in one batch, so either both are there or neither is. `put` and
 * `delete` complete once the batch is on the disk, so with `classic-level` a block survives a power failure. LevelDB frees the
 * space of deleted blocks when it compacts. `list` reads only the index. The `put` and `delete` calls of one block wait for each other,
 * also those of two stores of one `db`, and unsubscribing does not cancel one that has begun. Buffers one block a call. A LevelDB directory
 * belongs to one process, and a database to one application: `storeBlocks` deletes blocks of its shard that it does not know.
 *
 * Errors: `BlockStoreError` with `fault: 'failed'`, retriable when the database is not open or its disk failed, and with
 * `fault: 'timeout'`, retriable, while an earlier `put` or `delete` of the block hangs: its caller and one that waited for it have
 * unsubscribed; `InvalidValueError` from `put` for a block whose records do not match its ranges, and from `get` for an entry that is torn, changed or
 * another block's: such a block is lost, but `get` never emits a wrong one.
 *
 * @param db - an open database, or one that is opening.
 * @throws InvalidConfigError when `db` has no `get`, `batch` and `keys`, or with `compress` on a platform without `CompressionStream`.
 *
 * @example
 * ```ts
 * const blocks = blockStore('MEMORY_AND_DISK', { disk: levelBlocks(new ClassicLevel('./blocks')) });
 * ```
 */
export function levelBlocks(db: LevelBlockDatabase, config: EncodeBlockConfig = {}): BlockStore {
  if (!isLevelBlockDatabase(db)) {
    throw new InvalidConfigError('levelBlocks: expected db to be an abstract-level database, with get, batch and keys');
  }
  const encode = blockEncoder(config);
  const inTurn = turnsOf(db);

  return {
    put: (block) =>
      defer(() => {
        const name = blockName(block.id);
        return inTurn(
          'put',
          block.id,
          encode(block).pipe(mergeMap((bytes) => change(db, 'store', [putData(name, bytes), putIndex(name, block)]))),
        );
      }),
    get: (id) => defer(() => getData(db, blockName(id)).pipe(concatMap((bytes) => (bytes ? decodeBlock(bytes, id) : of(undefined))))),
    delete: (id) =>
      defer(() => {
        const name = blockName(id);
        return inTurn('delete', id, change(db, 'delete', [del(DATA + name), del(INDEX + name)]));
      }),
    list: () => listIds(db),
  };
}

const DATA = 'rx-kinesis/block/data/';
const INDEX = 'rx-kinesis/block/index/';
/** A key after all keys with the index's prefix: `0` is the character after `/`. */
const AFTER_INDEX = 'rx-kinesis/block/index0';
const INDEX_VERSION = 1;

/** An entry of the index, which lets `list` work without reading the blocks. */
interface IndexEntry {
  readonly version: typeof INDEX_VERSION;
  readonly ranges: SequenceNumberRangesJson;
}

/** Lets the writes of one block wait for each other. */
function turnsOf(db: LevelBlockDatabase) {
  const writes = writesTo(db);
  return (action: 'put' | 'delete', id: string, work: Observable<never>): Observable<never> =>
    writes.run({
      key: DATA + id,
      name: `the ${action} of ${id}`,
      work,
      refusal: (before) =>
        new BlockStoreError(`${action}: the level database has not answered ${before}`, { fault: 'timeout', retriable: true }),
    });
}

function putData(name: string, value: Uint8Array): LevelChange {
  return { type: 'put', key: DATA + name, value, keyEncoding: 'utf8', valueEncoding: 'view' };
}

function putIndex(name: string, { ranges }: Block): LevelChange {
  const entry: IndexEntry = { version: INDEX_VERSION, ranges: ranges.toJSON() };
  return { type: 'put', key: INDEX + name, value: JSON.stringify(entry), keyEncoding: 'utf8', valueEncoding: 'utf8' };
}

function del(key: string): LevelChange {
  return { type: 'del', key, keyEncoding: 'utf8' };
}

function change(db: LevelBlockDatabase, action: string, changes: LevelChange[]): Observable<never> {
  return defer(() => from(db.batch(changes as never[], { sync: true }))).pipe(ignoreElements(), failedTo(action));
}

function getData(db: LevelBlockDatabase, name: string): Observable<Uint8Array | undefined> {
  return defer(() => from(db.get(DATA + name, { keyEncoding: 'utf8', valueEncoding: 'view' }))).pipe(
    catchError((error: unknown) => (isNotFound(error) ? of(undefined) : throwError(() => error))),
    failedTo('read'),
  );
}

function listIds(db: LevelBlockDatabase): Observable<string> {
  return defer(() => from(db.keys({ gt: INDEX, lt: AFTER_INDEX, keyEncoding: 'utf8' }))).pipe(
    map((key) => blockIdIn(key.slice(INDEX.length))),
    // Ignores keys that this store has not written.
    filter((id) => id !== undefined),
    failedTo('list'),
  );
}

function failedTo<T>(action: string): MonoTypeOperatorFunction<T> {
  return catchError((error: unknown) => throwError(() => storeError(action, error)));
}

function storeError(action: string, cause: unknown): Error {
  if (isRxKinesisError(cause)) return cause;
  // The database's own message may quote its content.
  const fault = reducedFault(cause);
  const fields = { fault: 'failed', retriable: isPassing(cause), cause: fault } as const;
  return new BlockStoreError(`the level database could not ${action} blocks: ${codeOf(fault) ?? 'unknown error'}`, fields);
}
