import { LENGTH_DELIMITED, MalformedMessage, ProtobufReader, tagOf, VARINT } from './protobuf-reader.js';

/** The protobuf message of a KPL aggregate, as offsets in its bytes: nothing is copied. */
export interface AggregateMessage {
  /** Where each partition key begins and ends, in pairs. */
  readonly partitionKeys: readonly number[];
  /** Where each explicit hash key begins and ends, in pairs. */
  readonly explicitHashKeys: readonly number[];
  readonly records: readonly MessageRecord[];
}

/** One user record: its indexes in the tables, as 32-bit integers like Java's, and where its data begins and ends. */
export interface MessageRecord {
  readonly partitionKeyIndex: number;
  readonly explicitHashKeyIndex: number | undefined;
  readonly dataStart: number;
  readonly dataEnd: number;
}

/**
 * Reads the message in `bytes` from `start` to `end`.
 *
 * @remarks
 * The schema is that of KPL's messages.proto: tables of partition keys (1) and of explicit hash keys (2), and records (3) of a partition
 * key index (1, required), an explicit hash key index (2), data (3, required) and tags (4) of a key (1, required) and a value (2). Fields
 * may come in any order; of a repeated field the last one counts; unknown fields are ignored.
 *
 * @throws MalformedMessage
 */
export function readAggregateMessage(bytes: Uint8Array, start: number, end: number): AggregateMessage {
  const reader = new ProtobufReader(bytes, start, end);
  const partitionKeys: number[] = [];
  const explicitHashKeys: number[] = [];
  const records: MessageRecord[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === RECORD) records.push(readRecord(reader));
    else if (tag === PARTITION_KEY) partitionKeys.push(reader.span(), reader.position);
    else if (tag === EXPLICIT_HASH_KEY) explicitHashKeys.push(reader.span(), reader.position);
    else reader.skip(tag);
  }
  return { partitionKeys, explicitHashKeys, records };
}

const PARTITION_KEY = tagOf(1, LENGTH_DELIMITED);
const EXPLICIT_HASH_KEY = tagOf(2, LENGTH_DELIMITED);
const RECORD = tagOf(3, LENGTH_DELIMITED);

const RECORD_PARTITION_KEY_INDEX = tagOf(1, VARINT);
const RECORD_EXPLICIT_HASH_KEY_INDEX = tagOf(2, VARINT);
const RECORD_DATA = tagOf(3, LENGTH_DELIMITED);
const RECORD_TAG = tagOf(4, LENGTH_DELIMITED);
const TAG_KEY = tagOf(1, LENGTH_DELIMITED);

function readRecord(reader: ProtobufReader): MessageRecord {
  let partitionKeyIndex: number | undefined;
  let explicitHashKeyIndex: number | undefined;
  let dataStart: number | undefined;
  let dataEnd = 0;
  const outerEnd = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === RECORD_PARTITION_KEY_INDEX) partitionKeyIndex = reader.varint();
    else if (tag === RECORD_EXPLICIT_HASH_KEY_INDEX) explicitHashKeyIndex = reader.varint();
    else if (tag === RECORD_DATA) {
      dataStart = reader.span();
      dataEnd = reader.position;
    } else if (tag === RECORD_TAG) readTag(reader);
    else reader.skip(tag);
  }
  reader.leave(outerEnd);
  if (partitionKeyIndex === undefined || dataStart === undefined) throw new MalformedMessage();
  return { partitionKeyIndex, explicitHashKeyIndex, dataStart, dataEnd };
}

/** Checks a tag. Consumers do not use tags (KCL drops them), but a tag without a key makes the whole message malformed. */
function readTag(reader: ProtobufReader): void {
  let hasKey = false;
  const outerEnd = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === TAG_KEY) hasKey = true;
    reader.skip(tag);
  }
  reader.leave(outerEnd);
  if (!hasKey) throw new MalformedMessage();
}
