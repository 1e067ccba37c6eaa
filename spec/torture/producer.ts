import type { KinesisService } from '../support/kinesis-services.js';
import { TestStream } from '../support/test-stream.js';

/** How often records are put, in ms. */
const EVERY_MS = 100;
/** A stream never has more, or fewer, open shards than this. */
const [FEWEST_SHARDS, MOST_SHARDS] = [2, 6];

/** Puts records into a stream, splits and merges its shards, and remembers when it put what. */
export class Producer {
  readonly stream: TestStream;
  readonly #perSecond: number;
  /** By shard: when each of its records had been put. */
  readonly #putAt = new Map<string, number[]>();
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Puts and reshardings are made one after another. */
  #last: Promise<unknown> = Promise.resolve();
  reshardings = 0;

  private constructor(stream: TestStream, perSecond: number) {
    this.stream = stream;
    this.#perSecond = perSecond;
  }

  static async start(
    kinesis: KinesisService,
    { name, shards, perSecond }: { readonly name: string; readonly shards: number; readonly perSecond: number },
  ): Promise<Producer> {
    const producer = new Producer(await TestStream.create(kinesis, shards, name), perSecond);
    producer.#timer = setInterval(() => void producer.#then(() => producer.#put()), EVERY_MS);
    return producer;
  }

  /** When the records of a shard had been put, in order. */
  putAt(shardId: string): readonly number[] {
    return this.#putAt.get(shardId) ?? [];
  }

  /** Splits an open shard, or merges two neighbours; `choice` chooses which. */
  async reshard(type: 'split' | 'merge', choice: number): Promise<void> {
    await this.#then(async () => {
      const open = await this.#open();
      if (type === 'split' && open.length < MOST_SHARDS) await this.stream.split(open[Math.floor(choice * open.length)]!.shardId);
      else if (type === 'merge' && open.length > FEWEST_SHARDS) {
        const at = Math.floor(choice * (open.length - 1));
        await this.stream.merge(open[at]!.shardId, open[at + 1]!.shardId);
      } else return;
      this.reshardings++;
    });
  }

  /** Puts no more; fails when a put has failed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last;
  }

  /** The open shards, by their hash keys. */
  async #open(): Promise<{ readonly shardId: string; readonly from: bigint }[]> {
    const open = (await this.stream.shards()).filter((shard) => shard.SequenceNumberRange!.EndingSequenceNumber === undefined);
    const keyed = open.map((shard) => ({ shardId: shard.ShardId!, from: BigInt(shard.HashKeyRange!.StartingHashKey!) }));
    return keyed.sort((a, b) => (a.from < b.from ? -1 : 1));
  }

  async #put(): Promise<void> {
    await this.stream.put(Math.round((this.#perSecond * EVERY_MS) / 1_000));
    const now = Date.now();
    for (const shardId of this.stream.shardIds) {
      const times = this.#putAt.get(shardId) ?? [];
      this.#putAt.set(shardId, times);
      while (times.length < this.stream.written(shardId).length) times.push(now);
    }
  }

  #then(work: () => Promise<void>): Promise<unknown> {
    this.#last = this.#last.then(work);
    // Whoever waits for the last one hears of it.
    this.#last.catch(() => clearInterval(this.#timer));
    return this.#last;
  }
}
