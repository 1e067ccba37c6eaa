import { allocate } from './bytes.js';

/** The body of an answer. */
export interface PageBody {
  /** All of it. */
  readonly bytes: Uint8Array;
  /** The pieces that it came in. */
  readonly chunks: readonly Uint8Array[];
}

/** A larger page is not kept as room for the next: 10 MiB of payloads come once in a while. */
const MAX_KEPT_BYTES = 4 * 2 ** 20;

/**
 * Puts the chunks of a body side by side, in room that is used again for the next.
 *
 * @remarks
 * A page of a megabyte in a new buffer each time is what makes V8 collect the old generation every few pages. What is
 * joined here holds until the next call: a page is decoded before the next one is joined, and nothing of it stays in this room.
 */
export class PageRoom {
  #room: Uint8Array = new Uint8Array(0);

  /** Joins the chunks; `isKept`: views of the result will be kept, so it must be a buffer of its own. */
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
