import { KinesisClient, type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { Readable } from 'node:stream';

/** What a service sends back: anything at all. */
export interface OddAnswer {
  readonly status?: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Whether the connection breaks after the body. */
  readonly isCut?: boolean;
  /** Whether nothing follows the body, not even its end. */
  readonly isStalled?: boolean;
}

/** A page before it is written: any field may be missing, `null` or wrong. */
export type OddPage = Record<string, unknown> & { Records?: unknown };

/** A call of GetRecords. */
export interface OddCall {
  /** How many calls of GetRecords there were before. */
  readonly nth: number;
  readonly shardId: string;
  readonly isCbor: boolean;
  /** What a healthy service would send. */
  readonly page: OddPage;
  /** Writes a page in the format that was asked for. */
  write(page: OddPage): OddAnswer;
  /** Writes an error in it. */
  refuse(name: string, status?: number): OddAnswer;
}

/** Answers a call in another way than a healthy service; `undefined` leaves it to that, `'never'` leaves it open. */
export type Oddity = (call: OddCall) => OddAnswer | 'never' | undefined;

/** A shard: its payloads, and the shards that it was split into. */
export interface OddShard {
  readonly payloads: readonly Uint8Array[];
  /** Whether it is closed, with these children. */
  readonly children?: readonly string[];
  readonly parent?: string;
}

const CBOR = 'application/x-amz-cbor-1.1';
const JSON_1_1 = 'application/x-amz-json-1.1';
/** As long as AWS's, and far above what a number holds. */
const FIRST = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898n;
const STEP = 1_208_925_819_614_629_174_706_189n;

/** The sequence number of a record, by its index in its shard: it grows by uneven steps. */
export function oddNumber(index: number): string {
  return String(FIRST + BigInt(index) * STEP + BigInt((index * 7) % 5));
}

/**
 * A Kinesis behind a real client of the SDK, in this process: written for itself, it shares nothing with `fakeKinesis` or the emulators.
 * It writes CBOR as AWS is said to: maps without a length, payloads as bytes, times as tagged ms.
 */
export class OddKinesis {
  readonly #shards: ReadonlyMap<string, OddShard>;
  readonly #oddity: Oddity;
  /** The formats of the calls of GetRecords. */
  readonly formats: Array<'cbor' | 'json'> = [];
  #iterators = 0;

  constructor(shards: Readonly<Record<string, OddShard>> | readonly Uint8Array[], oddity: Oddity = () => undefined) {
    this.#shards = new Map(Object.entries(Array.isArray(shards) ? { 'shardId-000000000000': { payloads: shards } } : shards));
    this.#oddity = oddity;
  }

  /** A client of it, which makes each call once. */
  client(config: KinesisClientConfig = {}): KinesisClient {
    const requestHandler = {
      metadata: { handlerProtocol: 'http/1.1' },
      handle: (request: OddRequest, options: { readonly abortSignal?: AbortSignal }) => this.#handle(request, options.abortSignal),
      destroy: () => undefined,
    };
    const credentials = { accessKeyId: '123456789012', secretAccessKey: 'local' };
    const own = { endpoint: 'http://localhost:1', region: 'us-east-1', credentials, maxAttempts: 1 };
    return new KinesisClient({ ...own, requestHandler: requestHandler as never, ...config });
  }

  #handle({ headers, body }: OddRequest, signal: AbortSignal | undefined): Promise<object> {
    const isCbor = headers['content-type'] === CBOR;
    const input = isCbor ? readFlatMap(Buffer.from(body as Uint8Array)) : (JSON.parse(Buffer.from(body).toString()) as Input);
    const answer = this.#answer(headers['x-amz-target']!.split('.')[1]!, input, isCbor);
    if (answer === 'never')
      return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    return Promise.resolve({ response: responseOf(answer) });
  }

  #answer(operation: string, input: Input, isCbor: boolean): OddAnswer | 'never' {
    if (operation === 'ListShards') return inJson({ Shards: [...this.#shards].map(([id, shard]) => this.#listed(id, shard)) });
    if (operation === 'GetShardIterator') return inJson({ ShardIterator: this.#iterator(String(input['ShardId']), this.#indexFor(input)) });
    const [shardId, index] = String(input['ShardIterator']).split('/') as [string, string];
    this.formats.push(isCbor ? 'cbor' : 'json');
    const write = (page: OddPage): OddAnswer => (isCbor ? inCbor(page) : inJson(page));
    const refuse = (name: string, status = 400): OddAnswer => ({ ...write({ __type: name, message: 'no' }), status });
    const page = this.#page(shardId, Number(index), Number(input['Limit'] ?? 10_000));
    return this.#oddity({ nth: this.formats.length - 1, shardId, isCbor, page, write, refuse }) ?? write(page);
  }

  #page(shardId: string, from: number, limit: number): OddPage {
    const { payloads, children } = this.#shards.get(shardId)!;
    const to = Math.min(from + limit, payloads.length);
    const Records = payloads.slice(from, to).map((Data, i) => ({
      SequenceNumber: oddNumber(from + i),
      ApproximateArrivalTimestamp: new Date(1_700_000_000_000 + from + i),
      Data,
      PartitionKey: `outer ${from + i}`,
    }));
    const hasEnded = children !== undefined && to === payloads.length;
    const ChildShards = children?.map((ShardId) => ({ ShardId, ParentShards: [shardId], HashKeyRange: RANGE }));
    const MillisBehindLatest = to === payloads.length ? 0 : 1_000;
    return hasEnded
      ? { Records, MillisBehindLatest, ChildShards }
      : { Records, MillisBehindLatest, NextShardIterator: this.#iterator(shardId, to) };
  }

  #iterator(shardId: string, index: number): string {
    return `${shardId}/${index}/${this.#iterators++}`;
  }

  #indexFor({ ShardId, ShardIteratorType, StartingSequenceNumber }: Input): number {
    const { payloads } = this.#shards.get(String(ShardId))!;
    if (ShardIteratorType === 'TRIM_HORIZON') return 0;
    if (ShardIteratorType === 'LATEST') return payloads.length;
    const asked = BigInt(String(StartingSequenceNumber));
    const index = payloads.findIndex((_payload, i) => BigInt(oddNumber(i)) >= asked);
    const at = index === -1 ? payloads.length : index;
    return ShardIteratorType === 'AFTER_SEQUENCE_NUMBER' && BigInt(oddNumber(at)) === asked ? at + 1 : at;
  }

  #listed(ShardId: string, { payloads, children, parent }: OddShard): object {
    const EndingSequenceNumber = children && oddNumber(payloads.length);
    return {
      ShardId,
      ...(parent && { ParentShardId: parent }),
      HashKeyRange: RANGE,
      SequenceNumberRange: { StartingSequenceNumber: oddNumber(0), ...(EndingSequenceNumber && { EndingSequenceNumber }) },
    };
  }
}

type Input = Readonly<Record<string, unknown>>;

interface OddRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

const RANGE = { StartingHashKey: '0', EndingHashKey: '340282366920938463463374607431768211455' };

function responseOf({ status = 200, type, headers, body = '', isCut = false, isStalled = false }: OddAnswer): object {
  const bytes = Buffer.from(body as Uint8Array);
  const parts = [bytes.subarray(0, bytes.length / 3), bytes.subarray(bytes.length / 3)].filter((part) => part.length > 0);
  const stream = new Readable({
    read() {
      for (const part of parts.splice(0)) this.push(part);
      if (isCut) this.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
      else if (!isStalled) this.push(null);
    },
  });
  return { statusCode: status, headers: { ...(type && { 'content-type': type }), ...headers }, body: stream };
}

function inJson(value: object): OddAnswer {
  const body = JSON.stringify(value, function (this: Record<string, unknown>, key, each: unknown) {
    const original = this[key];
    if (original instanceof Uint8Array) return Buffer.from(original).toString('base64');
    return original instanceof Date ? original.getTime() / 1_000 : each;
  });
  return { type: JSON_1_1, body };
}

function inCbor(value: object): OddAnswer {
  return { type: CBOR, body: Buffer.concat(cbor(value)) };
}

/** RFC 8949, as far as an answer needs it. */
function cbor(value: unknown): Buffer[] {
  if (value === null || value === undefined) return [Buffer.of(0xf6)];
  if (typeof value === 'number') return [head(0, value)];
  if (value instanceof Date) return [Buffer.of(0xc1), head(0, value.getTime())];
  if (value instanceof Uint8Array) return [head(2, value.length), Buffer.from(value)];
  if (typeof value === 'string') return [head(3, Buffer.byteLength(value)), Buffer.from(value)];
  if (Array.isArray(value)) return [Buffer.of(0x9f), ...value.flatMap(cbor), Buffer.of(0xff)];
  const pairs = Object.entries(value).filter(([, each]) => each !== undefined);
  return [Buffer.of(0xbf), ...pairs.flatMap(([key, each]) => [...cbor(key), ...cbor(each)]), Buffer.of(0xff)];
}

function head(major: number, argument: number): Buffer {
  const first = major << 5;
  if (argument < 24) return Buffer.of(first | argument);
  if (argument < 2 ** 8) return Buffer.of(first | 24, argument);
  if (argument < 2 ** 16) return Buffer.of(first | 25, argument >> 8, argument & 0xff);
  const long = Buffer.alloc(9);
  long[0] = first | 27;
  long.writeBigUInt64BE(BigInt(argument), 1);
  return long;
}

/** Reads a map of texts and small numbers: the input of a call. */
function readFlatMap(bytes: Buffer): Input {
  let at = 0;
  const item = (): string | number => {
    const [type, info] = [bytes[at]! >> 5, bytes[at]! & 31];
    const width = info < 24 ? 0 : 2 ** (info - 24);
    const argument = width === 0 ? info : bytes.readUIntBE(at + 1, width);
    at += 1 + width;
    if (type !== 3) return argument;
    at += argument;
    return bytes.toString('utf8', at - argument, at);
  };
  const pairs = Number(item());
  return Object.fromEntries(Array.from({ length: pairs }, () => [String(item()), item()]));
}
