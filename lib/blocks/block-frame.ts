import CRC32 from 'crc-32';
import { InvalidValueError } from '../values/errors.js';

/**
 * The frame around the body of a stored block; with it, a part of the bytes is never taken for the whole:
 *
 *     0  "RXKB"                   4  version    5  flags    6  two zero bytes
 *     8  the body's length       12  the body's length before compression
 *    16  the body, then the CRC-32 of all before it
 *
 * Numbers are unsigned and big-endian.
 */
export interface Frame {
  readonly body: Uint8Array;
  readonly isCompressed: boolean;
  /** The length of the body before compression. */
  readonly rawLength: number;
}

/** The largest body. A larger length is false, and nothing is allocated for it. */
export const MAX_BODY_BYTES = 2 ** 30;

const MAGIC = 0x52584b42;
const VERSION = 1;
const COMPRESSED = 1;
const HEADER_BYTES = 16;
const CRC_BYTES = 4;

/** Puts the frame around a body, into a new buffer of exactly that size. */
export function writeFrame({ body, isCompressed, rawLength }: Frame): Uint8Array {
  if (rawLength > MAX_BODY_BYTES) {
    throw new InvalidValueError(`a block of ${rawLength} bytes is more than the ${MAX_BODY_BYTES} that can be stored`);
  }
  const bytes = new Uint8Array(HEADER_BYTES + body.byteLength + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint8(4, VERSION);
  view.setUint8(5, isCompressed ? COMPRESSED : 0);
  view.setUint32(8, body.byteLength);
  view.setUint32(12, rawLength);
  bytes.set(body, HEADER_BYTES);
  view.setUint32(bytes.byteLength - CRC_BYTES, checksumOf(bytes));
  return bytes;
}

/**
 * Reads the bytes that {@link writeFrame} wrote; the body is a view of them.
 *
 * @throws InvalidValueError when the bytes are torn, changed, foreign or of a version that is not known.
 */
export function readFrame(given: Uint8Array): Frame {
  // Makes a plain Uint8Array of a Node Buffer, so that payloads have the type that they had.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  if (bytes.byteLength < HEADER_BYTES + CRC_BYTES) throw new InvalidValueError(`expected a stored block, got ${bytes.byteLength} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== MAGIC) throw new InvalidValueError('these bytes are no stored block');
  const length = view.getUint32(8);
  const rawLength = view.getUint32(12);
  if (length !== bytes.byteLength - HEADER_BYTES - CRC_BYTES) {
    throw new InvalidValueError(`the stored block is torn: its body is said to have ${length} bytes, and ${bytes.byteLength} are there`);
  }
  if (view.getUint32(bytes.byteLength - CRC_BYTES) !== checksumOf(bytes)) throw new InvalidValueError('the checksum does not match');
  // After the checksum, a strange version is one that somebody wrote, and not a flipped bit.
  if (view.getUint8(4) !== VERSION) throw new InvalidValueError(`expected version ${VERSION} of stored blocks, got ${view.getUint8(4)}`);
  const flags = view.getUint8(5);
  if (flags > COMPRESSED || view.getUint16(6) !== 0) throw new InvalidValueError('the stored block has flags that are not known');
  const isCompressed = flags === COMPRESSED;
  if (rawLength > MAX_BODY_BYTES || (!isCompressed && rawLength !== length)) throw new InvalidValueError(`impossible length ${rawLength}`);
  return { body: bytes.subarray(HEADER_BYTES, HEADER_BYTES + length), isCompressed, rawLength };
}

function checksumOf(bytes: Uint8Array): number {
  return CRC32.buf(bytes.subarray(0, bytes.byteLength - CRC_BYTES)) >>> 0;
}
