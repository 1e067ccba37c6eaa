/** How many bytes a base64 text encodes, by its length and its padding; `undefined` when base64 cannot have this length. */
export function base64Length(text: string): number | undefined {
  const { length } = text;
  if (length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (length / 4) * 3 - padding;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** The value of a character that base64 does not use. */
const NONE = 64;
/** The value of each character code. */
const VALUES = /* @__PURE__ */ valuesOf(ALPHABET);

/** Decodes a base64 text into `target` from `offset` on; returns the number of bytes, or -1 for a text that is not base64. */
export function writeBase64(text: string, target: Uint8Array, offset: number): number {
  const length = base64Length(text) ?? -1;
  let at = offset;
  for (let i = 0; i < length / 3; i++) {
    const from = i * 4;
    const left = length - i * 3;
    const a = valueAt(text, from);
    const b = valueAt(text, from + 1);
    const c = left > 1 ? valueAt(text, from + 2) : 0;
    const d = left > 2 ? valueAt(text, from + 3) : 0;
    if ((a | b | c | d) >= NONE) return -1;
    target[at++] = (a << 2) | (b >> 4);
    if (left > 1) target[at++] = ((b & 15) << 4) | (c >> 2);
    if (left > 2) target[at++] = ((c & 3) << 6) | d;
  }
  return length;
}

function valueAt(text: string, index: number): number {
  return VALUES[text.charCodeAt(index)] ?? NONE;
}

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(128).fill(NONE);
  for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value;
  return values;
}
