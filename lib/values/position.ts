import { InvalidValueError } from './errors.js';
import { shown } from './shown.js';

/** A place in a shard: a sequence number, and the index of the user record within its KPL aggregate. */
export interface Position {
  /** A decimal number of any length, or one of KCL's sentinels. */
  readonly sequenceNumber: string;
  /** The index within a KPL aggregate, 0 for a plain record and for a sentinel. */
  readonly subSequenceNumber: number;
}

/** The oldest record that the shard still holds. */
export const TRIM_HORIZON = 'TRIM_HORIZON';
/** The place just after the newest record. */
export const LATEST = 'LATEST';
/** A time that the reader's configuration gives. */
export const AT_TIMESTAMP = 'AT_TIMESTAMP';
/** The shard is closed and all of it is done. */
export const SHARD_END = 'SHARD_END';

/** Where reading of a shard without a checkpoint begins: the sentinel in its row. */
export type InitialPosition = typeof TRIM_HORIZON | typeof LATEST | typeof AT_TIMESTAMP;

/**
 * Compares two positions as KCL does: `AT_TIMESTAMP < TRIM_HORIZON < LATEST`, then every number by its value, then
 * `SHARD_END`; equal sequence numbers by sub-sequence number.
 *
 * @remarks
 * Numbers of equal length are compared as text, which takes a few nanoseconds; others by their length without leading zeros. No BigInt
 * is made. Both positions must be well formed: this is the hot path and does not check them.
 *
 * @returns below 0 when `a` comes first, above 0 when `b` does, 0 when they are the same place.
 */
export function comparePositions(a: Position, b: Position): number {
  return compareSequenceNumbers(a.sequenceNumber, b.sequenceNumber) || a.subSequenceNumber - b.subSequenceNumber;
}

/** Copies only the position out of a record, so that whoever keeps it does not keep the payload or show it in an error. */
export function barePosition({ sequenceNumber, subSequenceNumber }: Position): Position {
  return { sequenceNumber, subSequenceNumber };
}

/** Compares two sequence numbers or sentinels, see {@link comparePositions}. */
export function compareSequenceNumbers(a: string, b: string): number {
  if (a === b) return 0;
  if (isDigit(a) && isDigit(b)) return compareDigits(a, b);
  return rank(a) - rank(b);
}

/** Whether `sequenceNumber` is one of KCL's four words and not a number. */
export function isSentinel(sequenceNumber: string): boolean {
  return sequenceNumber in SENTINEL_RANKS;
}

/** Whether `value` is a decimal number as the API writes it; a sentinel is not. */
export function isSequenceNumber(value: unknown): value is string {
  return typeof value === 'string' && SEQUENCE_NUMBER.test(value);
}

/**
 * Throws unless `position` is a decimal number or a sentinel with a whole sub-sequence number from 0 up.
 *
 * @param where - what the position belongs to, for the message.
 * @throws InvalidValueError
 */
export function assertPosition(position: Position, where: string): void {
  assertSequenceNumber(position.sequenceNumber, where);
  const sub: unknown = position.subSequenceNumber;
  if (!Number.isSafeInteger(sub) || (sub as number) < 0) {
    throw new InvalidValueError(`${where}: expected a sub-sequence number from 0 up, got ${shown(sub)}`);
  }
}

function assertSequenceNumber(sequenceNumber: unknown, where: string): void {
  const wellFormed = typeof sequenceNumber === 'string' && (SEQUENCE_NUMBER.test(sequenceNumber) || isSentinel(sequenceNumber));
  if (!wellFormed) {
    throw new InvalidValueError(`${where}: expected a decimal sequence number, got ${shown(sequenceNumber)}`);
  }
}

/** The API takes `0` or a number without leading zeros, of at most 129 digits (GetShardIterator, StartingSequenceNumber). */
const SEQUENCE_NUMBER = /^(?:0|[1-9]\d{0,128})$/;

const NUMBER_RANK = 0;
const SENTINEL_RANKS: Readonly<Record<string, number>> = {
  __proto__: null,
  AT_TIMESTAMP: -3,
  TRIM_HORIZON: -2,
  LATEST: -1,
  SHARD_END: 1,
} as never;

function rank(sequenceNumber: string): number {
  return SENTINEL_RANKS[sequenceNumber] ?? NUMBER_RANK;
}

function isDigit(text: string): boolean {
  const first = text.charCodeAt(0);
  return first >= 48 && first <= 57;
}

function compareDigits(a: string, b: string): number {
  if (a.length === b.length) return a < b ? -1 : 1;
  const shortA = withoutLeadingZeros(a);
  const shortB = withoutLeadingZeros(b);
  return shortA.length - shortB.length || compareSequenceNumbers(shortA, shortB);
}

function withoutLeadingZeros(digits: string): string {
  return digits.charCodeAt(0) === 48 ? digits.replace(/^0+(?=\d)/, '') : digits;
}
