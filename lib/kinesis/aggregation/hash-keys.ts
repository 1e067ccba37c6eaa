import { md5 } from 'js-md5';
import { InvalidConfigError } from '../../values/errors.js';
import { shown } from '../../values/shown.js';
import { compareSequenceNumbers } from '../../values/position.js';
import type { HashKeyRange } from '../../values/shard-id.js';

/** A part of the key space in both forms of hash keys: as text, and as the bytes of an MD5. */
export interface HashKeyLimits extends HashKeyRange {
  readonly startingBytes: readonly number[];
  readonly endingBytes: readonly number[];
}

/**
 * Prepares a range for comparisons; `undefined` for the whole key space, in which every partition key lies.
 *
 * @throws InvalidConfigError
 */
export function hashKeyLimits({ startingHashKey, endingHashKey }: HashKeyRange): HashKeyLimits | undefined {
  for (const key of [startingHashKey, endingHashKey]) assertHashKey(key);
  if (compareSequenceNumbers(startingHashKey, endingHashKey) > 0)
    throw new InvalidConfigError(`hashKeyRange: expected a start up to the end, got ${startingHashKey} to ${endingHashKey}`);
  const isWhole = Number(startingHashKey) === 0 && compareSequenceNumbers(endingHashKey, LARGEST_HASH_KEY) === 0;
  if (isWhole) return undefined;
  return { startingHashKey, endingHashKey, startingBytes: bytesOf(startingHashKey), endingBytes: bytesOf(endingHashKey) };
}

/** Whether a partition key belongs to these limits: by the MD5 of its UTF-8 bytes, as an unsigned number. */
export function holdsPartitionKey({ startingBytes, endingBytes }: HashKeyLimits, partitionKey: string): boolean {
  const hash = md5.array(ENCODER.encode(partitionKey));
  return compareBytes(hash, startingBytes) >= 0 && compareBytes(hash, endingBytes) <= 0;
}

/** Whether an explicit hash key, as {@link readHashKey} returns it, is in the key space and within these limits. */
export function holdsHashKey(limits: HashKeyLimits | undefined, hashKey: string): boolean {
  const { startingHashKey, endingHashKey } = limits ?? KEY_SPACE;
  if (hashKey.startsWith('-')) return false;
  return compareSequenceNumbers(hashKey, startingHashKey) >= 0 && compareSequenceNumbers(hashKey, endingHashKey) <= 0;
}

/**
 * An explicit hash key as a number in plain digits, with `-` before a negative one; `undefined` when it is not a number.
 *
 * @remarks Reads what Java's BigInteger, and so KCL, reads: a sign, leading zeros, decimal digits of any script of Unicode's first plane.
 */
export function readHashKey(text: string): string | undefined {
  if (PLAIN_NUMBER.test(text)) return text;
  const digits = /^[+-]?(\p{Nd}+)$/u.exec(text)?.[1];
  if (digits === undefined || SURROGATE.test(digits)) return undefined;
  const plain = digits.replace(/[^0-9]/g, plainDigit);
  return text.startsWith('-') && /[1-9]/.test(plain) ? `-${plain}` : plain;
}

const LARGEST_HASH_KEY = '340282366920938463463374607431768211455';
const KEY_SPACE: HashKeyRange = { startingHashKey: '0', endingHashKey: LARGEST_HASH_KEY };
const ENCODER = /* @__PURE__ */ new TextEncoder();
const PLAIN_NUMBER = /^[0-9]+$/;
const SURROGATE = /[\ud800-\udfff]/;

/** Unicode has its digits in runs of ten, which in the first plane begin at a code whose last hexadecimal digit is 0 or 6. */
function plainDigit(digit: string): string {
  const code = digit.charCodeAt(0);
  const row = code & ~0xf;
  return String(code - (/\p{Nd}/u.test(String.fromCharCode(row)) ? row : row + 6));
}

function assertHashKey(key: unknown): void {
  const valid = typeof key === 'string' && PLAIN_NUMBER.test(key) && compareSequenceNumbers(key, LARGEST_HASH_KEY) <= 0;
  if (!valid) throw new InvalidConfigError(`hashKeyRange: expected decimal numbers from 0 to 2^128 - 1, got ${shown(key)}`);
}

function bytesOf(hashKey: string): number[] {
  const hex = BigInt(hashKey).toString(16).padStart(32, '0');
  return Array.from({ length: 16 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

function compareBytes(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
