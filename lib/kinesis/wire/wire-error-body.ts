import { TextReader } from './bytes.js';
import { CborReader } from './cbor-reader.js';
import type { WireFormat } from './wire-format.js';

/** The body of an error answer. */
export interface ErrorBody {
  /** The body in JSON, from which the SDK makes its own error. */
  readonly json: Uint8Array;
  /** Whether it names an error of an AWS service; the answer of a proxy does not. */
  readonly isNamed: boolean;
}

/** Reads the body of an error. Never throws: even without a body, the status is an error. */
export function readErrorBody(bytes: Uint8Array, format: WireFormat): ErrorBody {
  const json = format === 'cbor' ? jsonOf(bytes) : new TextReader(bytes).utf8(0, bytes.length);
  return { json: new TextEncoder().encode(json), isNamed: /"__type"|"code"/i.test(json) };
}

function jsonOf(bytes: Uint8Array): string {
  try {
    return JSON.stringify(new CborReader(bytes).value()) ?? '';
  } catch {
    return '';
  }
}
