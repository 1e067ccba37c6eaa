import { isObject } from '../values/isObject.js';
import type { KinesisRecord } from '../values/record.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import { hasRanges } from './misplaced.js';
import { entriesOf } from './tracked-block.js';
import { deliveryOf } from './delivery.js';

/** Whether a value is work that is not done: a delivered record, an array with one, or an object with the ranges of an open block. */
export function isUnsettled(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isUnsettled);
  if (typeof value !== 'object' || value === null) return false;
  if (isDelivered(value)) return true;
  return hasRanges(value) && entriesOf(value.ranges).some(({ entry }) => entry.state === 'open');
}

/** The ranges of the blocks that a value is or holds. */
export function rangesIn(value: unknown): readonly SequenceNumberRanges[] {
  if (Array.isArray(value)) return value.flatMap(rangesIn);
  return hasRanges(value) ? [value.ranges] : [];
}

/** Whether a value is a delivered record, or an array with one: a block may be made of it later. */
export function isDelivered(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isDelivered);
  return isObject(value) && deliveryOf(value as unknown as KinesisRecord) !== undefined;
}
