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
    return (this.texts[index] ??= decode(this.bytes.subarray(this.spans[2 * index], this.spans[2 * index + 1])));
  }

  /** The result of `judge` for the key. */
  verdictAt(index: number): Verdict {
    return (this.verdicts[index] ??= this.judge(this.textAt(index)));
  }
}

/**
 * Decodes UTF-8 as Java does, and so KCL: bytes that are none become U+FFFD, and the three bytes of a surrogate, or the first two of them, become only
 * one.
 */
function decode(key: Uint8Array): string {
  const text = DECODER.decode(key);
  return text.includes(REPLACEMENT) ? decodeMalformed(key) : text;
}

function decodeMalformed(key: Uint8Array): string {
  let [text, from] = ['', 0];
  for (let i = 0; i + 1 < key.length; i++) {
    const isSurrogate = key[i] === 0xed && key[i + 1]! >> 5 === 0b101;
    if (!isSurrogate) continue;
    text += DECODER.decode(key.subarray(from, i)) + REPLACEMENT;
    from = i + (key[i + 2]! >> 6 === 0b10 ? 3 : 2);
  }
  return text + DECODER.decode(key.subarray(from));
}

const REPLACEMENT = '\ufffd';
/** Keeps a byte order mark, as Java does. */
const DECODER = /* @__PURE__ */ new TextDecoder('utf-8', { ignoreBOM: true });
