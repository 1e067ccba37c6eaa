import fc from 'fast-check';

/** A change to one byte of a message. */
export interface Edit {
  readonly at: number;
  readonly byte: number;
  readonly kind: string;
}

/** One or two changes. */
export const anyEdits: fc.Arbitrary<Edit[]> = fc.array(
  fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('set', 'insert', 'cut', 'flip') }),
  { minLength: 1, maxLength: 2 },
);

/** The message with these changes. */
export function edited(message: Uint8Array, edits: readonly Edit[]): Uint8Array {
  const content = [...message];
  for (const { at, byte, kind } of edits) {
    const index = at % (content.length + 1);
    if (kind === 'set') content[index] = byte;
    else if (kind === 'insert') content.splice(index, 0, byte);
    else if (kind === 'cut') content.splice(index, 1);
    else content[index] = (content[index] ?? 0) ^ (1 << (byte % 8));
  }
  return Uint8Array.from(content);
}
