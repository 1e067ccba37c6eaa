/**
 * One of the two key tables of an aggregate: decodes and judges each key once, when it is first used, so that a long key of many records
 * costs its length only once.
 */
export class KeyTable<Verdict> {
  private readonly texts: string[] = [];
  private readonly verdicts: Verdict[] = [];

  /** @param spans - where each key begins and ends in `bytes`, in pairs. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly spans: readonly number[],
    private readonly judge: (key: string) => Verdict,
  ) {}

  /** Whether the table has this key. */
  has(index: number): boolean {
    return index >= 0 && 2 * index < this.spans.length;
  }

  /** The key itself. */
  textAt(index: number): string {
    return (this.texts[index] ??= DECODER.decode(this.bytes.subarray(this.spans[2 * index], this.spans[2 * index + 1])));
  }

  /** The result of `judge` for the key. */
  verdictAt(index: number): Verdict {
    return (this.verdicts[index] ??= this.judge(this.textAt(index)));
  }
}

/** Keeps a byte order mark, as Java does; bytes that are not UTF-8 become U+FFFD, also as in Java. */
const DECODER = /* @__PURE__ */ new TextDecoder('utf-8', { ignoreBOM: true });
