import type { RecordFields } from '../../lib/values/record.js';

/** A record as a reader gives it: by its number, of one byte, unless its fields say otherwise. */
export function recordFields(number: number, fields: Partial<RecordFields> = {}): RecordFields {
  const data = new Uint8Array(1);
  return {
    sequenceNumber: String(number),
    subSequenceNumber: 0,
    partitionKey: 'key',
    data,
    approximateArrivalTimestamp: undefined,
    ...fields,
  };
}
