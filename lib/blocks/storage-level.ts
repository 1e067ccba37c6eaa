import { InvalidConfigError } from '../values/errors.js';
import { shown } from '../values/shown.js';

/**
 * Where blocks are kept, and in how many copies.
 *
 * | level | copies | a copy is kept |
 * |---|---|---|
 * | `MEMORY_ONLY` | 1 | in memory, or refused when the budget is used up |
 * | `MEMORY_ONLY_2` | 2 | as above, and at a replica |
 * | `MEMORY_AND_DISK` | 1 | in memory, on disk when the budget is used up |
 * | `MEMORY_AND_DISK_2` | 2 | as above, and at a replica |
 * | `DISK_ONLY` | 1 | on disk |
 * | `DISK_ONLY_2` | 2 | on disk, and at a replica |
 */
export type StorageLevel = 'MEMORY_ONLY' | 'MEMORY_ONLY_2' | 'MEMORY_AND_DISK' | 'MEMORY_AND_DISK_2' | 'DISK_ONLY' | 'DISK_ONLY_2';

/** Where a level keeps blocks, and how often. */
export interface StorageLevelTraits {
  readonly memory: boolean;
  readonly disk: boolean;
  /** The number of copies that make a block count as stored. */
  readonly copies: number;
}

const LEVELS: Readonly<Record<StorageLevel, StorageLevelTraits>> = {
  MEMORY_ONLY: { memory: true, disk: false, copies: 1 },
  MEMORY_ONLY_2: { memory: true, disk: false, copies: 2 },
  MEMORY_AND_DISK: { memory: true, disk: true, copies: 1 },
  MEMORY_AND_DISK_2: { memory: true, disk: true, copies: 2 },
  DISK_ONLY: { memory: false, disk: true, copies: 1 },
  DISK_ONLY_2: { memory: false, disk: true, copies: 2 },
};

/** @throws InvalidConfigError for a level that does not exist. */
export function traitsOf(level: StorageLevel): StorageLevelTraits {
  if (typeof level === 'string' && Object.hasOwn(LEVELS, level)) return LEVELS[level];
  throw new InvalidConfigError(`level: expected one of ${Object.keys(LEVELS).join(', ')}, got ${shown(level)}`);
}
