/**
 * The part of an `abstract-level` database that {@link levelCheckpoints} uses. Every `classic-level`, `browser-level` and `memory-level`
 * database and every sublevel of one has it, whatever its own encodings are.
 */
export interface LevelDatabase {
  /** Resolves to `undefined` when there is no entry; before abstract-level 2 it rejected with `LEVEL_NOT_FOUND`. */
  get(key: string, options: LevelReadOptions): Promise<string | undefined>;
  /** Writes one entry. */
  put(key: string, value: string, options: LevelWriteOptions): Promise<unknown>;
}

/** The options of every call, so that the database's own encodings do not matter. */
export interface LevelReadOptions {
  /** Keys are text. */
  readonly keyEncoding: 'utf8';
  /** Values are text. */
  readonly valueEncoding: 'utf8';
}

/** The options of every write. */
export interface LevelWriteOptions extends LevelReadOptions {
  /** Makes `classic-level` wait until the entry is on the disk (fsync); other databases ignore it. */
  readonly sync: true;
}

/** Whether `value` has the calls of {@link LevelDatabase}. */
export function isLevelDatabase(value: unknown): value is LevelDatabase {
  const { get, put } = (value ?? {}) as Partial<LevelDatabase>;
  return typeof get === 'function' && typeof put === 'function';
}

/** The part of an `abstract-level` database, from 1.0 up, that {@link levelBlocks} uses. */
export interface LevelBlockDatabase {
  /** Resolves to `undefined` when there is no entry; before abstract-level 2 it rejected with `LEVEL_NOT_FOUND`. */
  get(key: string, options: { readonly keyEncoding: 'utf8'; readonly valueEncoding: 'view' }): Promise<Uint8Array | undefined>;
  /**
   * Makes all the changes, each a {@link LevelChange}, or none of them. The type is wider, so that databases of any key and value types
   * match it.
   */
  batch(changes: never[], options: { readonly sync: true }): Promise<unknown>;
  /** The keys of a range, in order. */
  keys(range: { readonly gt: string; readonly lt: string; readonly keyEncoding: 'utf8' }): AsyncIterable<string>;
}

/** One change of a batch. */
export type LevelChange =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array; readonly keyEncoding: 'utf8'; readonly valueEncoding: 'view' }
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly keyEncoding: 'utf8'; readonly valueEncoding: 'utf8' }
  | { readonly type: 'del'; readonly key: string; readonly keyEncoding: 'utf8' };

/** Whether `value` has the calls of {@link LevelBlockDatabase}. */
export function isLevelBlockDatabase(value: unknown): value is LevelBlockDatabase {
  const { get, batch, keys } = (value ?? {}) as Partial<LevelBlockDatabase>;
  return typeof get === 'function' && typeof batch === 'function' && typeof keys === 'function';
}
