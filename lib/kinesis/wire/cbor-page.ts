import type { PortChildShard } from '../port.js';
import { CborReader, keysOf } from './cbor-reader.js';
import type { PagePayloads } from './page-payloads.js';
import { childShardsOf, wirePage, wireRecord, type WirePage, type WireRecord } from './wire-page.js';

const PAGE = /* @__PURE__ */ keysOf('Records', 'NextShardIterator', 'MillisBehindLatest', 'ChildShards');
const RECORD = /* @__PURE__ */ keysOf('SequenceNumber', 'ApproximateArrivalTimestamp', 'Data', 'PartitionKey', 'EncryptionType');

/** Reads a page of GetRecords from CBOR. @throws WireError when it is cut off or is not a page */
export function decodeCborPage(bytes: Uint8Array, payloads: PagePayloads): WirePage {
  const reader = new CborReader(bytes);
  let Records: readonly WireRecord[] | undefined;
  let NextShardIterator: string | undefined;
  let MillisBehindLatest: number | undefined;
  let ChildShards: readonly PortChildShard[] | undefined;
  for (let left = reader.map() ?? 0; reader.more(left); left--) {
    switch (reader.key(PAGE)) {
      case 0:
        Records = readRecords(reader, payloads);
        break;
      case 1:
        NextShardIterator = reader.text();
        break;
      case 2:
        MillisBehindLatest = reader.number();
        break;
      case 3:
        ChildShards = childShardsOf(reader.value());
        break;
      default:
        reader.value();
    }
  }
  return wirePage(Records, NextShardIterator, MillisBehindLatest, ChildShards);
}

function readRecords(reader: CborReader, payloads: PagePayloads): WireRecord[] | undefined {
  const count = reader.array();
  if (count === undefined) return undefined;
  const records: WireRecord[] = [];
  for (let left = count; reader.more(left); left--) records.push(readRecord(reader, payloads));
  return records;
}

function readRecord(reader: CborReader, payloads: PagePayloads): WireRecord {
  let sequenceNumber: string | undefined;
  let partitionKey: string | undefined;
  let data: Uint8Array | undefined;
  let time: number | undefined;
  let encryptionType: string | undefined;
  for (let left = reader.map() ?? 0; reader.more(left); left--) {
    switch (reader.key(RECORD)) {
      case 0:
        sequenceNumber = reader.ascii();
        break;
      case 1:
        time = reader.number();
        break;
      case 2:
        data = reader.payload(payloads);
        break;
      case 3:
        partitionKey = reader.text();
        break;
      case 4:
        encryptionType = reader.text();
        break;
      default:
        reader.value();
    }
  }
  return wireRecord(sequenceNumber, partitionKey, data, time, encryptionType);
}
