import { writeBase64 } from './base64.js';

/** The methods that Node's Buffer adds to bytes: text and base64 in native code. Browsers have none of them. */
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

/** Node's Buffer, if there is one. A browser's polyfill lacks these methods, and would not be faster. */
function nodeBuffer(): NodeBuffer | undefined {
  const { Buffer } = globalThis as unknown as { readonly Buffer?: NodeBuffer };
  const { latin1Slice, utf8Slice, base64Write } = Buffer?.prototype ?? {};
  return latin1Slice && utf8Slice && base64Write ? Buffer : undefined;
}

/** Whether native code turns bytes into text. */
export function hasNativeText(): boolean {
  return nodeBuffer() !== undefined;
}

/** Allocates bytes in a buffer of their own; their content is undefined. */
export function allocate(size: number): Uint8Array {
  return nodeBuffer()?.allocUnsafeSlow(size) ?? new Uint8Array(size);
}

/** More than the digits of a sequence number, and fewer than the arguments that a call can take. */
const MAX_ARGUMENTS = 256;

/** Reads text out of some bytes. */
export class TextReader {
  readonly #bytes: Uint8Array;
  readonly #native: NodeBytes | undefined;
  #decoder: TextDecoder | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#native = nodeBuffer()?.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads UTF-8 as the SDK does: malformed bytes become U+FFFD. */
  utf8(from: number, to: number): string {
    if (this.#native) return this.#native.utf8Slice(from, to);
    this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
    return this.#decoder.decode(this.#bytes.subarray(from, to));
  }

  /** Reads text that is surely ASCII, such as digits. */
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

  /** Decodes `text` into `length` bytes from `offset` on; `false` when the text has another length or is not base64. */
  write(text: string, offset: number, length: number): boolean {
    if (this.#native) return this.#native.base64Write(text, offset, length) === length;
    return writeBase64(text, this.bytes, offset) === length;
  }
}
