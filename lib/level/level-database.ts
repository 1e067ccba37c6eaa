/**
 * The part of an `abstract-level` database that this package uses. Every `classic-level`, `browser-level`, `memory-level`
 * database and every sublevel of one has it, whatever the encodings that it was opened with.
 */
export interface LevelDatabase {
  /** Resolves to `undefined` when there is no entry; before abstract-level 2 it rejected with `LEVEL_NOT_FOUND`. */
  get(key: string, options: LevelReadOptions): Promise<string | undefined>;
  put(key: string, value: string, options: LevelWriteOptions): Promise<unknown>;
}

/** Given with every call, so that the database's own encodings do not matter. */
export interface LevelReadOptions {
  readonly keyEncoding: 'utf8';
  readonly valueEncoding: 'utf8';
}

/** Given with every write. */
export interface LevelWriteOptions extends LevelReadOptions {
  /** Has `classic-level` wait until the entry is on the disk (fsync); other databases ignore it. */
  readonly sync: true;
}

/** Whether `value` has the calls of {@link LevelDatabase}. */
export function isLevelDatabase(value: unknown): value is LevelDatabase {
  const { get, put } = (value ?? {}) as Partial<LevelDatabase>;
  return typeof get === 'function' && typeof put === 'function';
}
