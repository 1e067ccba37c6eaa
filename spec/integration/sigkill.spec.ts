import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { leaseTable } from '../../lib/dynamodb/index.js';
import { readFrom } from '../support/checkpoint-store-contract.js';
import { abortConsumers, consume } from '../support/consumer.js';
import { startDynalite, type DynamoDBService } from '../support/dynamodb-services.js';
import { kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { seededRandom } from '../support/seeded-random.js';
import { TestStream } from '../support/test-stream.js';
import { buildWorker, startWorker, type WorkerProcess } from '../support/worker-process.js';

const KILLS = 20;
/** A kill comes so long after the first block of a run, in ms. */
const [EARLIEST_KILL_MS, LATEST_KILL_MS] = [20, 600];

/** What the runs of a worker have worked on, checked run by run against what is in the stream. */
class Progress {
  /** How many records of each shard are done, from its first on without a gap. */
  readonly done = new Map<string, number>();
  /** How many records each run repeated. */
  readonly repeated: number[] = [];
  readonly #stream: TestStream;
  /** By shard. */
  readonly parents: ReadonlyMap<string, readonly string[]>;

  constructor(stream: TestStream, parents: ReadonlyMap<string, readonly string[]>) {
    this.#stream = stream;
    this.parents = parents;
  }

  /** How many records are not done yet. */
  get left(): number {
    return this.#stream.count - [...this.done.values()].reduce((sum, done) => sum + done, 0);
  }

  /** Enters a run; fails if it skipped a record, left a shard's order, or began a shard before its parents were done. */
  add(run: number, records: readonly { readonly shardId: string; readonly sequenceNumber: string }[]): void {
    const next = new Map<string, number>();
    let repeated = 0;
    for (const { shardId, sequenceNumber } of records) {
      const done = this.done.get(shardId) ?? 0;
      const index = this.#stream.written(shardId).findIndex((written) => written.sequenceNumber === sequenceNumber);
      const expected = next.get(shardId);
      if (expected === undefined) {
        expect(index, `where run ${run} begins ${shardId}`).to.be.within(0, done);
        for (const parent of this.parents.get(shardId) ?? []) this.#expectDone(parent, `before ${shardId} in run ${run}`);
      } else expect(index, `the next record of ${shardId} in run ${run}`).to.equal(expected);
      if (index < done) repeated++;
      next.set(shardId, index + 1);
      this.done.set(shardId, Math.max(done, index + 1));
    }
    this.repeated.push(repeated);
  }

  #expectDone(shardId: string, when: string): void {
    expect(this.done.get(shardId), `records of ${shardId} done ${when}`).to.equal(this.#stream.written(shardId).length);
  }
}

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));

for (const kind of kinesisKinds) {
  describe(`a worker that reads ${kind.name} and is killed with SIGKILL at ${KILLS} random moments`, function () {
    this.timeout(240_000);
    const most = kind.records;
    let kinesis: KinesisService;
    let dynamodb: DynamoDBService;
    let directory: string;
    let program: string;
    const workers: WorkerProcess[] = [];
    before(async () => {
      [kinesis, dynamodb] = [await kind.start(), await startDynalite()];
      directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-'));
      program = await buildWorker(directory);
    });
    after(async () => {
      abortConsumers();
      await Promise.all(workers.map((worker) => worker.kill()));
      await kinesis.stop();
      await dynamodb.stop();
      await rm(directory, { recursive: true });
    });

    /** A stream that has been split and merged, with records in every shard. */
    const reshardedStream = async (): Promise<TestStream> => {
      const stream = await TestStream.create(kinesis, 2);
      await stream.put(most / 4);
      const [, upper] = await stream.split('shardId-000000000000');
      await stream.put(most / 2);
      await stream.merge(upper, 'shardId-000000000001');
      await stream.put(most);
      return stream;
    };
    const parentsIn = async (stream: TestStream): Promise<Map<string, string[]>> =>
      new Map(
        (await stream.shards()).map(({ ShardId, ParentShardId, AdjacentParentShardId }) => [
          ShardId!,
          [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined),
        ]),
      );
    const start = (stream: TestStream, run: number): WorkerProcess => {
      const worker = startWorker(program, {
        streamName: stream.name,
        tableName: 'leases',
        kinesis: kinesis.endpoint,
        dynamodb: dynamodb.endpoint,
        file: join(directory, `run-${run}`),
      });
      workers.push(worker);
      return worker;
    };

    it(`loses nothing, keeps each shard in order and repeats little (SEED=${seed})`, async () => {
      const random = seededRandom(seed);
      const stream = await reshardedStream();
      const progress = new Progress(stream, await parentsIn(stream));

      let next = start(stream, 0);
      for (let run = 0; run < KILLS; run++) {
        const worker = next;
        next = start(stream, run + 1);
        // So that there is work for a run, however fast the machine.
        if (progress.left < most) await stream.put(most / 2);
        await worker.work();
        await pause(EARLIEST_KILL_MS + random() * (LATEST_KILL_MS - EARLIEST_KILL_MS));
        await worker.kill();
        progress.add(run, worker.processed());
      }
      await next.kill();

      const store = leaseTable({ client: dynamodb.client(), tableName: 'leases', workerId: 'worker' });
      const last = consume({ client: kinesis.client(), streamName: stream.name, store });
      const parents = new Set([...progress.parents.values()].flat());
      const isAtItsEnd = async (shardId: string): Promise<boolean> => {
        const checkpoint = await readFrom(store, { streamName: stream.name, shardId, parentShardIds: [] });
        return checkpoint?.sequenceNumber === (parents.has(shardId) ? 'SHARD_END' : stream.written(shardId).at(-1)?.sequenceNumber);
      };
      await last.until('all shards are at their ends', async () => (await Promise.all(stream.shardIds.map(isAtItsEnd))).every(Boolean));
      await last.stop();
      progress.add(KILLS, last.records);
      expect(progress.left).to.equal(0);
      // What was done since the last checkpoint is repeated: at most some tens of records, unless the machine is very busy.
      expect(Math.max(...progress.repeated)).to.be.below(300);
    });
  });
}
