import type { PagePayloads } from './page-payloads.js';
import { WireError } from './wire-error.js';
import { childShardsOf, fieldsOf, wirePage, wireRecord, type WirePage, type WireRecord } from './wire-page.js';

/** Reads a page of GetRecords from JSON. @throws WireError when it is cut off or is not a page */
export function decodeJsonPage(json: string, payloads: PagePayloads): WirePage {
  const { Records, NextShardIterator, MillisBehindLatest, ChildShards } = fieldsOf(parse(json));
  return wirePage(
    recordsOf(Records, payloads),
    optional('string', NextShardIterator),
    optional('number', MillisBehindLatest),
    childShardsOf(ChildShards),
  );
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    // The parser's message, which the SDK would pass on, quotes the text around the fault, which may be a payload.
    throw new WireError(`JSON: ${cause instanceof SyntaxError ? 'a page that is cut off or malformed' : String(cause)}`);
  }
}

function recordsOf(records: unknown, payloads: PagePayloads): WireRecord[] | undefined {
  if (records === undefined || records === null) return undefined;
  if (!Array.isArray(records)) throw new WireError('records that are no array');
  return records.map((record: unknown) => recordOf(fieldsOf(record), payloads));
}

function recordOf(fields: Readonly<Record<string, unknown>>, payloads: PagePayloads): WireRecord {
  const data = optional('string', fields['Data']);
  return wireRecord(
    optional('string', fields['SequenceNumber']),
    optional('string', fields['PartitionKey']),
    data === undefined ? undefined : payloads.decode(data),
    optional('number', fields['ApproximateArrivalTimestamp']),
    optional('string', fields['EncryptionType']),
  );
}

interface Types {
  readonly number: number;
  readonly string: string;
}

/** Reads a field that may be absent or `null`. */
function optional<T extends keyof Types>(type: T, value: unknown): Types[T] | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== type) throw new WireError(`a field that is no ${type}`);
  return value as Types[T];
}
