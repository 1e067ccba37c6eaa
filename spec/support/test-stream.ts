import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
  type KinesisClient,
  type PutRecordsResultEntry,
  type Shard,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { KinesisService } from './kinesis-services.js';
import { SERVICE_DEADLINE_MS, until } from './until.js';

/** A record as it was put. */
export interface Written {
  readonly shardId: string;
  readonly sequenceNumber: string;
  /** The text of its data: another for each record of a stream. */
  readonly text: string;
}

let streams = 0;

/** A stream of its own for one test, which remembers what was put into which shard. */
export class TestStream {
  readonly name: string;
  readonly #client: KinesisClient;
  /** By shard, in order. */
  readonly #written = new Map<string, Written[]>();
  #count = 0;

  private constructor(client: KinesisClient, name: string) {
    this.#client = client;
    this.name = name;
  }

  /** Creates a stream and waits until it can be used. */
  static async create(service: Pick<KinesisService, 'client'>, shards = 2, name = `stream-${streams++}`): Promise<TestStream> {
    // A connection for each request: one that was idle may be closed by the service just as it is used again, and a put is not repeated.
    const stream = new TestStream(service.client({ requestHandler: new NodeHttpHandler({ httpAgent: { keepAlive: false } }) }), name);
    await stream.#client.send(new CreateStreamCommand({ StreamName: stream.name, ShardCount: shards }));
    await stream.#active();
    return stream;
  }

  /** How many records were put so far. */
  get count(): number {
    return this.#count;
  }

  /** The shards that records were put into, in the order of their first record. */
  get shardIds(): string[] {
    return [...this.#written.keys()];
  }

  /** What was put into a shard, in order; grows with what is put later. */
  written(shardId: string): readonly Written[] {
    return this.#written.get(shardId) ?? [];
  }

  /** The sequence numbers of what was put, by shard. */
  sequenceNumbers(): Record<string, string[]> {
    return Object.fromEntries([...this.#written].map(([shardId, records]) => [shardId, records.map((record) => record.sequenceNumber)]));
  }

  /** Puts records, spread over the open shards. */
  async put(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 500) await this.#putBatch(Math.min(left, 500));
  }

  /** Splits an open shard in the middle; gives the children. */
  async split(shardId: string): Promise<[string, string]> {
    const { StartingHashKey, EndingHashKey } = (await this.#shard(shardId)).HashKeyRange!;
    const NewStartingHashKey = String((BigInt(StartingHashKey!) + BigInt(EndingHashKey!)) / 2n);
    await this.#client.send(new SplitShardCommand({ StreamName: this.name, ShardToSplit: shardId, NewStartingHashKey }));
    return (await this.#childrenOf(shardId)) as [string, string];
  }

  /** Merges two neighbours; gives the child. */
  async merge(shardId: string, neighbourId: string): Promise<string> {
    await this.#client.send(new MergeShardsCommand({ StreamName: this.name, ShardToMerge: shardId, AdjacentShardToMerge: neighbourId }));
    return (await this.#childrenOf(shardId))[0]!;
  }

  /** All shards, with their parents. */
  async shards(): Promise<Shard[]> {
    return (await this.#client.send(new ListShardsCommand({ StreamName: this.name }))).Shards ?? [];
  }

  async #putBatch(size: number): Promise<void> {
    const texts = Array.from({ length: size }, () => `record ${this.#count++}`);
    const Records = texts.map((text) => ({ PartitionKey: text, Data: new TextEncoder().encode(text) }));
    const answer = await this.#client.send(new PutRecordsCommand({ StreamName: this.name, Records }));
    answer.Records!.forEach((result, i) => this.#remember(result, texts[i]!));
  }

  #remember({ ShardId, SequenceNumber, ErrorCode }: PutRecordsResultEntry, text: string): void {
    if (!ShardId || !SequenceNumber) throw new Error(`not put: ${ErrorCode}`);
    const written = this.#written.get(ShardId) ?? [];
    const last = written.at(-1);
    if (last && BigInt(last.sequenceNumber) >= BigInt(SequenceNumber)) throw new Error('the service does not number records in order');
    written.push({ shardId: ShardId, sequenceNumber: SequenceNumber, text });
    this.#written.set(ShardId, written);
  }

  async #shard(shardId: string): Promise<Shard> {
    const shard = (await this.shards()).find(({ ShardId }) => ShardId === shardId);
    if (!shard) throw new Error(`${this.name} has no ${shardId}`);
    return shard;
  }

  async #childrenOf(shardId: string): Promise<string[]> {
    await this.#active();
    const children = (await this.shards()).filter((shard) => [shard.ParentShardId, shard.AdjacentParentShardId].includes(shardId));
    return children.map(({ ShardId }) => ShardId!);
  }

  #active(): Promise<void> {
    return until(
      `${this.name} is active`,
      async () => {
        const { StreamDescriptionSummary } = await this.#client.send(new DescribeStreamSummaryCommand({ StreamName: this.name }));
        return StreamDescriptionSummary?.StreamStatus === 'ACTIVE';
      },
      SERVICE_DEADLINE_MS,
    );
  }
}
