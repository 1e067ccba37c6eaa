import type { StorageLevel } from '../../lib/blocks/storage-level.js';
import { STORAGE_LEVELS } from './block-store-contract.js';

/**
 * What a fault does at a level, as the table of docs/guide/storage-levels.md says it: which of the blocks come from Kinesis, and the error with which a shard fails, if it does.
 * `spec/integration/storage-levels.spec.ts` does each of them.
 */
export type Outcome =
  | 'all'
  | 'no disk'
  | 'none'
  | 'put: `BlockStoreError`'
  | 'some'
  | `${'all' | 'some'}, after \`RecoveryTimeoutError\``
  | `${'all' | 'some'} lost: \`RangeExpiredError\``;

const FULL = 'put: `BlockStoreError`';

/** By fault, then by level; what is told of the first is what the guide says of a crash. */
export const STORAGE_LEVEL_TABLE = {
  'process killed': row('all', 'none', 'some', 'none', 'none', 'none'),
  'disk file truncated': row('all', 'none', 'some', 'none', 'some', 'none'),
  'bytes flipped': row('all', 'none', 'some', 'none', 'some', 'none'),
  'directory deleted': row('all', 'none', 'all', 'none', 'all', 'none'),
  'disk full': row('no disk', 'no disk', FULL, FULL, FULL, FULL),
  'replica down': row('all', 'all', 'some', 'some', 'none', 'none'),
  'both copies gone': row('all', 'all', 'all', 'all', 'all', 'all'),
  'Kinesis throttles': row('all, after `RecoveryTimeoutError`', 'none', 'some, after `RecoveryTimeoutError`', 'none', 'none', 'none'),
  'data trimmed': row('all lost: `RangeExpiredError`', 'none', 'some lost: `RangeExpiredError`', 'none', 'none', 'none'),
} as const;

function row(...cells: readonly [Outcome, Outcome, Outcome, Outcome, Outcome, Outcome]): Readonly<Record<StorageLevel, Outcome>> {
  return Object.fromEntries(STORAGE_LEVELS.map((level, i) => [level, cells[i]!])) as Record<StorageLevel, Outcome>;
}
