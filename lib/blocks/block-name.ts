import { InvalidValueError } from '../values/errors.js';

/**
 * The longest name, in bytes: S3 allows 1024 for a key, which leaves room for a prefix.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
 */
const MAX_NAME_LENGTH = 900;

/**
 * Makes a name for a block that is safe as a key in any database and as a file name: letters, digits, `-`, `_` and `.`, and `!` with two
 * hex digits for every other byte. No two ids have the same name, and no name contains a path.
 *
 * @throws InvalidValueError when the id is too long, or is not valid text.
 */
export function blockName(id: string): string {
  if (id === '' || !isWellFormed(id)) throw new InvalidValueError('the id of the block is no valid text');
  if (id.length > MAX_NAME_LENGTH) throw new InvalidValueError(`the id of the block has ${id.length} characters, too many to store it`);
  let name = '';
  for (const byte of new TextEncoder().encode(id)) {
    // A dot in front is escaped, so that the name is neither `.` nor `..` nor a hidden file.
    const isPlainHere = isPlain(byte) && !(byte === DOT && name === '');
    name += isPlainHere ? String.fromCharCode(byte) : `!${hex(byte)}`;
  }
  if (name.length > MAX_NAME_LENGTH) throw new InvalidValueError(`the id of the block needs ${name.length} bytes, too many to store it`);
  return name;
}

/** The id that has this name; `undefined` for a name that {@link blockName} never makes. */
export function blockIdIn(name: string): string | undefined {
  if (name.length > MAX_NAME_LENGTH || !/^(?:[A-Za-z0-9._-]|![0-9a-f]{2})+$/.test(name)) return undefined;
  const bytes = name.match(/![0-9a-f]{2}|./g)!.map((part) => (part.length === 3 ? parseInt(part.slice(1), 16) : part.charCodeAt(0)));
  const id = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  // Each id has one name: a name with another escaping, or that is not UTF-8, is foreign.
  return blockNameOrUndefined(id) === name ? id : undefined;
}

function blockNameOrUndefined(id: string): string | undefined {
  try {
    return blockName(id);
  } catch {
    return undefined;
  }
}

/** Whether the text has no lone surrogates: they would all become the same replacement character. */
function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}

const DOT = 46;

function isPlain(byte: number): boolean {
  const isDigit = byte >= 48 && byte <= 57;
  const isLetter = (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);
  return isDigit || isLetter || byte === 45 || byte === DOT || byte === 95;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
