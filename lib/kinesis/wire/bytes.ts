import { writeBase64 } from './base64.js';

/** What Node's Buffer adds to bytes: text and base64 in native code. None of it is in a browser. */
interface NodeBytes extends Uint8Array {
  latin1Slice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
  base64Write(text: string, offset: number, length: number): number;
}

interface NodeBuffer {
  readonly prototype: Partial<NodeBytes>;
  from(buffer: ArrayBufferLike, byteOffset: number, length: number): NodeBytes;
  allocUnsafeSlow(size: number): NodeBytes;
}

/** Node's Buffer where there is one. A browser's polyfill lacks these methods, and has nothing that is faster. */
function nodeBuffer(): NodeBuffer | undefined {
  const { Buffer } = globalThis as unknown as { readonly Buffer?: NodeBuffer };
  const { latin1Slice, utf8Slice, base64Write } = Buffer?.prototype ?? {};
  return latin1Slice && utf8Slice && base64Write ? Buffer : undefined;
}

/** Whether bytes are turned into text in native code, without a call for each character. */
export function hasNativeText(): boolean {
  return nodeBuffer() !== undefined;
}

/** Bytes in a buffer of their own, of any content. */
export function allocate(size: number): Uint8Array {
  return nodeBuffer()?.allocUnsafeSlow(size) ?? new Uint8Array(size);
}

/** Longer than a sequence number, and shorter than what a call can take as arguments. */
const MAX_ARGUMENTS = 256;

/** Reads text out of some bytes. */
export class TextReader {
  readonly #bytes: Uint8Array;
  readonly #native: NodeBytes | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#native = nodeBuffer()?.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** UTF-8, as the SDK reads it: what is malformed becomes U+FFFD. */
  utf8(from: number, to: number): string {
    if (this.#native) return this.#native.utf8Slice(from, to);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#bytes.subarray(from, to));
  }

  /** Digits, and whatever else is surely ASCII. */
  ascii(from: number, to: number): string {
    if (this.#native) return this.#native.latin1Slice(from, to);
    return to - from > MAX_ARGUMENTS ? this.utf8(from, to) : String.fromCharCode(...this.#bytes.subarray(from, to));
  }
}

/** Writes base64 into bytes. */
export class Base64Writer {
  readonly bytes: Uint8Array;
  readonly #native: NodeBytes | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#native = nodeBuffer()?.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Writes `length` bytes, the content of `text`, from `offset` on; `false` when the text has others, or other characters. */
  write(text: string, offset: number, length: number): boolean {
    if (this.#native) return this.#native.base64Write(text, offset, length) === length;
    return writeBase64(text, this.bytes, offset) === length;
  }
}
