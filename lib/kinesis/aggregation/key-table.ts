/**
 * One of the two tables of an aggregate: decodes and judges each key once and when first asked, so that a long key which many records
 * name costs what it is long.
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

  /** What `judge` says of the key. */
  verdictAt(index: number): Verdict {
    return (this.verdicts[index] ??= this.judge(this.textAt(index)));
  }
}

/** Java keeps a byte order mark; what is no UTF-8 becomes U+FFFD, there as here. */
const DECODER = /* @__PURE__ */ new TextDecoder('utf-8', { ignoreBOM: true });
