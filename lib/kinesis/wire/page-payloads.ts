import { base64Length } from './base64.js';
import { allocate, Base64Writer } from './bytes.js';
import { WireError } from './wire-error.js';
import type { PageBody } from './page-body.js';

/**
 * Where the payloads of a page lie in memory.
 *
 * @remarks
 * `'slabs'`: in buffers of at most 64 KiB, so that a record that you keep holds at most that in memory, and not its page of up to 10 MiB.
 * `'views'`: in the page itself, without a copy where the wire has them as bytes. `'copies'`: each in a buffer of its own,
 * which may be transferred to another thread.
 */
export type PayloadPlacement = 'copies' | 'slabs' | 'views';

/** The most memory that one kept payload holds, unless it is larger itself. */
export const SLAB_BYTES = 65_536;

/** Places the payloads of one page in memory. They must be asked for in the order of the body. */
export class PagePayloads {
  readonly #body: PageBody;
  readonly #placement: PayloadPlacement;
  /** The chunk in which the last payload began, and where that chunk begins and ends in the body. */
  #chunk = -1;
  #chunkFrom = 0;
  #chunkTo = 0;
  #slab: Base64Writer | undefined;
  #slabAt = 0;
  /** The most bytes that can still be asked for. */
  #left: number;

  constructor(body: PageBody, placement: PayloadPlacement) {
    this.#body = body;
    this.#placement = placement;
    this.#left = body.bytes.length;
  }

  /** The bytes of the body from `from` to `to`. */
  view(from: number, to: number): Uint8Array {
    const { bytes, chunks } = this.#body;
    if (this.#placement === 'views') return viewOf(bytes, from, to);
    if (this.#placement === 'copies') return viewOf(bytes, from, to).slice();
    while (from >= this.#chunkTo && this.#chunk + 1 < chunks.length) this.#nextChunk();
    const chunk = chunks[this.#chunk]!;
    if (to <= this.#chunkTo && chunk.buffer.byteLength <= SLAB_BYTES) return viewOf(chunk, from - this.#chunkFrom, to - this.#chunkFrom);
    const length = to - from;
    const { bytes: slab } = this.#slabFor(length);
    slab.set(viewOf(bytes, from, to), this.#slabAt);
    return this.#placed(length);
  }

  /** The content of a base64 text. */
  decode(text: string): Uint8Array {
    const length = base64Length(text);
    if (length === undefined || !this.#slabFor(length).write(text, this.#slabAt, length))
      throw new WireError('a payload that is no base64');
    return this.#placed(length);
  }

  #nextChunk(): void {
    this.#chunkFrom = this.#chunkTo;
    this.#chunkTo += this.#body.chunks[++this.#chunk]!.length;
  }

  #slabFor(length: number): Base64Writer {
    const fits = this.#slab && this.#slab.bytes.length - this.#slabAt >= length;
    if (fits && this.#placement !== 'copies') return this.#slab!;
    this.#slabAt = 0;
    return (this.#slab = new Base64Writer(allocate(this.#slabSize(length))));
  }

  #slabSize(length: number): number {
    if (this.#placement === 'copies') return length;
    const most = this.#placement === 'slabs' ? SLAB_BYTES : Infinity;
    return Math.max(length, Math.min(most, this.#left));
  }

  #placed(length: number): Uint8Array {
    const from = this.#slabAt;
    this.#slabAt += length;
    this.#left -= length;
    return viewOf(this.#slab!.bytes, from, this.#slabAt);
  }
}

/** Makes a plain `Uint8Array`, as the SDK gives, also of a Buffer. */
function viewOf({ buffer, byteOffset }: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + from, to - from);
}
