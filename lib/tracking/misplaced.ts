import { InvalidConfigError } from '../values/errors.js';
import type { KinesisRecord } from '../values/record.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';

/** Makes the error of an operator for a value that it cannot work with: it says what came, and what to change. */
export function misplaced(expected: string, value: unknown, advice: string): InvalidConfigError {
  const isArray = Array.isArray(value);
  const item = (isArray ? value[0] : value) as { readonly leaseLost$?: unknown } | null | undefined;
  const isShard = item?.leaseLost$ !== undefined;
  const kind = isShard ? 'a shard' : hasRanges(item) ? 'a block' : isRecord(item) ? 'a record' : item === null ? 'null' : typeof item;
  const change = isShard ? 'is mergeShards missing?' : advice;
  return new InvalidConfigError(`${expected}, got ${isArray ? 'an array with ' : ''}${kind}: ${change}`);
}

/** Whether the value is a block, or another object with the ranges of one. */
export function hasRanges(value: unknown): value is { readonly ranges: SequenceNumberRanges } {
  return isRanges((value as { readonly ranges?: unknown } | null | undefined)?.ranges);
}

/** Whether the value is the ranges of a block. */
export function isRanges(value: unknown): value is SequenceNumberRanges {
  return Array.isArray((value as Partial<SequenceNumberRanges> | null | undefined)?.ranges);
}

/** Whether the value is a record, from a source or made by hand. */
export function isRecord(value: unknown): value is KinesisRecord {
  const { shardId, sequenceNumber, data } = (value ?? {}) as Partial<KinesisRecord>;
  return typeof shardId === 'string' && typeof sequenceNumber === 'string' && data?.byteLength !== undefined;
}
