import crc32 from 'crc-32';

/** A record as the JSON of an event has it: its payload in base64, its time in seconds. */
export interface JsonRecord {
  readonly SequenceNumber: string;
  readonly PartitionKey: string;
  readonly Data: string;
  readonly ApproximateArrivalTimestamp?: number;
}

/** The payload of a SubscribeToShardEvent as it is sent. */
export interface JsonEvent {
  readonly Records: readonly JsonRecord[];
  readonly ContinuationSequenceNumber?: string | null;
  readonly MillisBehindLatest?: number;
  readonly ChildShards?: unknown;
}

/** The media type of a stream of events. */
export const EVENT_STREAM = 'application/vnd.amazon.eventstream';

/**
 * Makes a message of an event stream: lengths, the checksum of those, headers, payload, the checksum of all. Source: "Event Stream Encoding",
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html.
 */
export function messageOf(headers: Readonly<Record<string, string>>, payload: unknown): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => headerOf(name, value)));
  const body = Buffer.from(JSON.stringify(payload));
  const message = Buffer.alloc(head.length + body.length + 16);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(head.length, 4);
  message.writeInt32BE(crc32.buf(message.subarray(0, 8)), 8);
  head.copy(message, 12);
  body.copy(message, 12 + head.length);
  message.writeInt32BE(crc32.buf(message.subarray(0, message.length - 4)), message.length - 4);
  return message;
}

/** The first message of a subscription. */
export function initialResponse(): Buffer {
  return messageOf({ ':message-type': 'event', ':event-type': 'initial-response', ':content-type': 'application/x-amz-json-1.1' }, {});
}

/** An event of a subscription. */
export function eventMessage(event: JsonEvent): Buffer {
  const type = { ':message-type': 'event', ':event-type': 'SubscribeToShardEvent' };
  return messageOf({ ...type, ':content-type': 'application/x-amz-json-1.1' }, event);
}

/** A fault in the middle of a subscription. */
export function exceptionMessage(name: string): Buffer {
  const type = { ':message-type': 'exception', ':exception-type': name };
  return messageOf({ ...type, ':content-type': 'application/x-amz-json-1.1' }, { message: 'made by a spec' });
}

/** The payload of a message, if it is an event of a subscription. */
export function eventIn(message: Buffer): JsonEvent | undefined {
  const headLength = message.readUInt32BE(4);
  const head = message.subarray(12, 12 + headLength).toString('latin1');
  if (!head.includes('SubscribeToShardEvent')) return undefined;
  return JSON.parse(message.subarray(12 + headLength, message.length - 4).toString('utf8')) as JsonEvent;
}

/** Cuts what arrives into whole messages. */
export class MessageSplitter {
  #rest = Buffer.alloc(0);

  /** The messages that are complete with this chunk. */
  push(chunk: Uint8Array): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (this.#rest.length >= 4 && this.#rest.length >= this.#rest.readUInt32BE(0)) {
      const length = this.#rest.readUInt32BE(0);
      messages.push(this.#rest.subarray(0, length));
      this.#rest = this.#rest.subarray(length);
    }
    return messages;
  }
}

function headerOf(name: string, value: string): Buffer {
  const head = Buffer.from([name.length, ...Buffer.from(name), 7, 0, 0]);
  head.writeUInt16BE(Buffer.byteLength(value), head.length - 2);
  return Buffer.concat([head, Buffer.from(value)]);
}
