import type { KinesisRecord } from '../values/record.js';
import { hasRanges } from './misplaced.js';
import { entriesOf } from './tracked-block.js';
import { TrackedRecord } from './tracked-record.js';

/** Whether a value is work that is not done: a delivered record, an array of them, or what carries the ranges of an open block. */
export function isUnsettled(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isUnsettled);
  if (typeof value !== 'object' || value === null) return false;
  if (TrackedRecord.deliveryOf(value as KinesisRecord)) return true;
  return hasRanges(value) && entriesOf(value.ranges).some(({ entry }) => entry.state === 'open');
}
