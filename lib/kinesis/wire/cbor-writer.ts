/** The types of the fields of a GetRecords request. */
type Scalar = string | number | boolean;

/**
 * Writes a flat map of texts, whole numbers and booleans as CBOR; leaves out fields that are `undefined`.
 *
 * @returns `undefined` when the map has a value of another type.
 */
export function encodeCborMap(fields: object): Uint8Array | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (!entries.every((entry): entry is [string, Scalar] => isScalar(entry[1]))) return undefined;
  const bytes: number[] = [];
  writeHead(bytes, MAP, entries.length);
  for (const [key, value] of entries) {
    writeText(bytes, key);
    writeScalar(bytes, value);
  }
  return Uint8Array.from(bytes);
}

const UNSIGNED = 0;
const NEGATIVE = 1;
const TEXT = 3;
const MAP = 5;
const FALSE = 0xf4;
const TRUE = 0xf5;

/** The largest number that fits in 32 bits: no request has a larger one. */
const MAX = 2 ** 32 - 1;

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'boolean' || (Number.isInteger(value) && Math.abs(value as number) <= MAX);
}

function writeScalar(bytes: number[], value: Scalar): void {
  if (typeof value === 'string') writeText(bytes, value);
  else if (typeof value === 'boolean') bytes.push(value ? TRUE : FALSE);
  else if (value < 0) writeHead(bytes, NEGATIVE, -1 - value);
  else writeHead(bytes, UNSIGNED, value);
}

function writeText(bytes: number[], text: string): void {
  const encoded = new TextEncoder().encode(text);
  writeHead(bytes, TEXT, encoded.length);
  for (const byte of encoded) bytes.push(byte);
}

function writeHead(bytes: number[], type: number, argument: number): void {
  const major = type << 5;
  if (argument < 24) bytes.push(major | argument);
  else if (argument < 256) bytes.push(major | 24, argument);
  else if (argument < 65_536) bytes.push(major | 25, argument >> 8, argument & 255);
  else bytes.push(major | 26, argument >>> 24, (argument >> 16) & 255, (argument >> 8) & 255, argument & 255);
}
