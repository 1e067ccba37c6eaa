import { allocate } from './bytes.js';

/** The body of an answer. */
export interface PageBody {
  /** The whole body. */
  readonly bytes: Uint8Array;
  /** The chunks in which it arrived. */
  readonly chunks: readonly Uint8Array[];
}

/** A larger buffer is not kept for the next page: pages of 10 MiB are rare. */
const MAX_KEPT_BYTES = 4 * 2 ** 20;

/**
 * Joins the chunks of a body, in a buffer that is reused for the next one.
 *
 * @remarks
 * A new buffer of a megabyte for each page makes V8 collect the old generation every few pages. The joined bytes are valid until the next
 * call: a page is decoded before the next one is joined, and nothing of it stays in this buffer.
 */
export class PageRoom {
  #room: Uint8Array = new Uint8Array(0);

  /** Joins the chunks; `isKept`: views of the result will be kept, so it needs a buffer of its own. */
  join(chunks: readonly Uint8Array[], isKept: boolean): PageBody {
    if (chunks.length === 1) return { bytes: chunks[0]!, chunks };
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const room = isKept ? allocate(length) : this.#roomFor(length);
    let at = 0;
    for (const chunk of chunks) {
      room.set(chunk, at);
      at += chunk.length;
    }
    return { bytes: room.subarray(0, length), chunks };
  }

  #roomFor(length: number): Uint8Array {
    if (length <= this.#room.length) return this.#room;
    const room = allocate(length);
    if (length <= MAX_KEPT_BYTES) this.#room = room;
    return room;
  }
}
