import { TextReader } from './bytes.js';
import { CborReader } from './cbor-reader.js';
import type { WireFormat } from './wire-format.js';

/** An error as the service answered it. */
export interface ErrorBody {
  /** The same in JSON, for the SDK to make its own error of. */
  readonly json: Uint8Array;
  /** Whether it names an error of an AWS service: what a proxy or a fault of the network answers does not. */
  readonly isNamed: boolean;
}

/** Reads the body of an error. Never throws: the status alone is an error too. */
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
