import { TrackedRecord } from '../../lib/tracking/tracked-record.js';
import { Ledger } from '../../lib/ledger/ledger.js';
import type { KinesisRecord } from '../../lib/values/record.js';

/** One record of a page: its number, or all that matters of it. */
export type Delivered =
  number | { readonly sequenceNumber: number; readonly subSequenceNumber?: number; readonly bytes?: number; readonly isSkipped?: boolean };

/** Delivers a page of records into a ledger, as a source does: one byte each, none skipped, unless they say otherwise. */
export function deliver(ledger: Ledger, page: readonly Delivered[], shardId = 'shardId-000000000000'): KinesisRecord[] {
  const firstOrdinal = ledger.takeOrdinals(page.length);
  const bytesBefore = ledger.deliveredBytes;
  let bytes = 0;
  let lastOrdinal = 0;
  const all = page.map((item) => (typeof item === 'number' ? { sequenceNumber: item } : item));
  const records = all.flatMap(({ sequenceNumber, subSequenceNumber = 0, bytes: size = 1, isSkipped = false }, i) => {
    if (isSkipped) return [];
    bytes += size;
    lastOrdinal = firstOrdinal + i;
    const fields = {
      sequenceNumber: String(sequenceNumber),
      subSequenceNumber,
      partitionKey: 'key',
      data: new Uint8Array(size),
      approximateArrivalTimestamp: undefined,
    };
    return new TrackedRecord('stream', shardId, fields, ledger, lastOrdinal, bytesBefore + bytes);
  });
  const { sequenceNumber, subSequenceNumber = 0 } = all[0]!;
  const first = { sequenceNumber: String(sequenceNumber), subSequenceNumber };
  const last = records.at(-1);
  if (last) ledger.deliver({ firstOrdinal, lastOrdinal, first, last, bytesBefore }, bytes);
  return records;
}

/** A ledger with some records delivered in one page. */
export function ledgerWith(...page: readonly Delivered[]): { readonly ledger: Ledger; readonly records: KinesisRecord[] } {
  const ledger = new Ledger('owner');
  return { ledger, records: deliver(ledger, page) };
}
