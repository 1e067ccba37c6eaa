import { INDEX_DIGITS, NUMBER_PREFIX, type PageSize } from './canned-pages.js';

/** What an iterator of page 0 begins with; its page follows, in {@link INDEX_DIGITS} digits. */
const ITERATOR_PREFIX = 'AAAAAAAAAAcanned/';

/** The iterator of a page. */
export function iteratorOf(stream: string, page: number): string {
  return `${stream}/${ITERATOR_PREFIX}${String(page).padStart(INDEX_DIGITS, '0')}`;
}

/** The stream and the page of an iterator. */
export function pageOf(iterator: string): { readonly stream: string; readonly page: number } {
  const [stream = '', rest = ''] = iterator.split(`/${ITERATOR_PREFIX}`);
  return { stream, page: Number(rest) };
}

/**
 * The bytes of one page of a stream without end: before they are sent, the numbers of the records and of the next page are written over the
 * old ones, which takes some µs. The rest was made before the clock starts.
 */
export class NumberedPage {
  readonly #bytes: Buffer;
  readonly #records: readonly number[];
  readonly #next: readonly number[];

  constructor(bytes: Buffer, { perPage }: PageSize) {
    this.#bytes = bytes;
    this.#records = placesAfter(bytes, NUMBER_PREFIX);
    this.#next = placesAfter(bytes, ITERATOR_PREFIX);
    if (this.#records.length !== perPage || this.#next.length !== 1) throw new Error('a page whose numbers were not found');
  }

  /** The bytes as those of page `page`, whose first record has the index `first`; valid until the next call. */
  as(page: number, first: number): Buffer {
    this.#records.forEach((at, i) => writeDigits(this.#bytes, at, first + i));
    for (const at of this.#next) writeDigits(this.#bytes, at, page + 1);
    return this.#bytes;
  }
}

function placesAfter(bytes: Buffer, prefix: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(prefix); at >= 0; at = bytes.indexOf(prefix, at + 1)) places.push(at + prefix.length);
  return places;
}

function writeDigits(bytes: Buffer, at: number, value: number): void {
  let left = value;
  for (let i = at + INDEX_DIGITS - 1; i >= at; i--) {
    bytes[i] = 48 + (left % 10);
    left = Math.floor(left / 10);
  }
}
