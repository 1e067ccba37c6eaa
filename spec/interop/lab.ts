import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Shard } from '@aws-sdk/client-kinesis';
import { clientsOf as dynamodbClientsOf } from '../support/dynamodb-services.js';
import { clientsOf as kinesisClientsOf } from '../support/kinesis-services.js';
import { TestStream } from '../support/test-stream.js';
import { until } from '../support/until.js';
import { accountOf, type Account, type StoredCheckpoint } from './account.js';
import type { KclLine } from './kcl-lines.js';
import { LOGS, startKclWorker, type KclSettings } from './kcl-worker.js';
import { createLeaseTable, deleteRow, isLease, keyOf, putRow, rowsOf, type Row } from './lease-rows.js';
import type { ReaderProcess } from './reader-process.js';
import { startRxWorker, type RxSettings } from './rx-process.js';

/** After so long without a sign of its owner a lease is free, in ms. KCL's default is 10 000. */
export const FAILOVER_MS = 5_000;

/** Leases that nobody has taken for so long stay where they are, in ms: our steals and hand-overs come faster. */
const SETTLED_MS = 3_000;

/**
 * KCL sleeps a shardSyncInterval, 60 s, when it has made the first leases, and looks every 10 s whether a child's parents are done.
 */
const QUICK = ['lease.shardSyncIntervalMillis=100', 'coordinator.parentShardPollIntervalMillis=500'];
/** The leader assigns every 20 s, and balances every third time; one that is dead holds its lock for 2 min. */
const QUICK_LEADER = [
  'lease.leaseAssignmentIntervalMillis=4000',
  'lease.workerUtilizationAwareAssignmentConfig.varianceBalancingFrequency=1',
  'lease.dynamoDbLockBasedLeaderLeaseDurationInMillis=20000',
  'lease.dynamoDbLockBasedLeaderHeartbeatPeriodInMillis=5000',
];
/** Another worker takes over within so long whatever happens, in ms: KCL 3.x needs the most, after the death of its leader. */
const TAKE_OVER_MS = 200_000;

/** Records that keep coming. */
export interface Traffic {
  end(): Promise<void>;
}

/** A stream and a lease table for one scenario, and the workers that share them. */
export class Lab {
  readonly line: KclLine;
  readonly tableName: string;
  readonly stream: TestStream;
  readonly readers: ReaderProcess[] = [];
  readonly #noted: StoredCheckpoint[] = [];
  readonly #traffics: Traffic[] = [];
  readonly #kinesis: ReturnType<typeof kinesisClientsOf>;
  readonly #dynamodb = dynamodbClientsOf(process.env.INTEROP_DYNAMODB!);
  readonly #table = this.#dynamodb.client();

  private constructor(line: KclLine, tableName: string, stream: TestStream, kinesis: ReturnType<typeof kinesisClientsOf>) {
    this.line = line;
    this.tableName = tableName;
    this.stream = stream;
    this.#kinesis = kinesis;
  }

  /** Makes the stream. The table is made by the worker that comes first. */
  static async open(line: KclLine, scenario: string, shards: number): Promise<Lab> {
    const name = `${scenario}-${line.major}-${randomUUID().slice(0, 8)}`;
    const kinesis = kinesisClientsOf(process.env.INTEROP_KINESIS!);
    return new Lab(line, name, await TestStream.create(kinesis, shards, `${name}-stream`), kinesis);
  }

  /** Ends every worker, and the records that keep coming. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#traffics.map((traffic) => traffic.end()));
    await Promise.all(this.readers.map((reader) => reader.kill()));
    for (const client of [...this.#kinesis.clients, ...this.#dynamodb.clients]) client.destroy();
  }

  /** Starts a KCL worker of the line, quick to start and without delays that a spec would only wait for. `options` are further ones of KCL. */
  kcl(name: string, settings: KclSettings = {}, options: readonly string[] = []): ReaderProcess {
    const quick = this.line.major === 3 ? [...QUICK, ...QUICK_LEADER] : QUICK;
    return this.#added(
      startKclWorker(this.line, name, {
        STREAM: this.stream.name,
        APP: this.tableName,
        WORKER_ID: name,
        // kinesis-local takes it for the account: the same as that of the spec's own clients.
        AWS_ACCESS_KEY_ID: '123456789012',
        KINESIS_ENDPOINT: process.env.INTEROP_KINESIS!,
        DYNAMODB_ENDPOINT: process.env.INTEROP_DYNAMODB!,
        FAILOVER_MS: String(FAILOVER_MS),
        IDLE_MS: '300',
        CHECKPOINT_MS: '300',
        STOP_TIMEOUT_MS: '10000',
        KCL_OPTIONS: [...quick, ...options].join(' '),
        ...settings,
      }),
    );
  }

  /** Starts a worker of ours. */
  rx(name: string, settings: Partial<RxSettings> = {}): ReaderProcess {
    const { name: streamName } = this.stream;
    const [kinesis, dynamodb] = [process.env.INTEROP_KINESIS!, process.env.INTEROP_DYNAMODB!];
    return this.#added(startRxWorker({ streamName, tableName: this.tableName, workerId: name, kinesis, dynamodb, ...settings }));
  }

  rows(): Promise<Row[]> {
    return rowsOf(this.#table, this.tableName);
  }

  async leases(): Promise<Row[]> {
    return (await this.rows()).filter(isLease);
  }

  /** The leases that a worker has, those of ended shards not counted. */
  async heldBy(name: string): Promise<string[]> {
    const mine = (await this.leases()).filter((row) => row.leaseOwner?.S === name && row.checkpointOwner === undefined);
    return mine.filter((row) => row.checkpoint!.S !== 'SHARD_END').map(keyOf);
  }

  /** The stored checkpoints by shard. From now on a worker that begins a shard is expected to know them. */
  async checkpoints(): Promise<Record<string, string>> {
    const stored = Object.fromEntries((await this.leases()).map((row) => [keyOf(row), row.checkpoint!.S!]));
    const at = Date.now();
    for (const [shardId, sequenceNumber] of Object.entries(stored)) this.#noted.push({ shardId, sequenceNumber, at });
    return stored;
  }

  createTable(): Promise<void> {
    return createLeaseTable(this.#table, this.tableName);
  }

  putRow(shard: Shard, checkpoint: string): Promise<void> {
    return putRow(this.#table, this.tableName, shard, checkpoint);
  }

  deleteRow(shardId: string): Promise<void> {
    return deleteRow(this.#table, this.tableName, shardId);
  }

  /** Puts records, a few every half second, until it is ended. */
  traffic(): Traffic {
    let isOn = true;
    const putting = (async () => {
      while (isOn) {
        await this.stream.put(8);
        await pause(500);
      }
    })();
    // Its failure is told by whoever ends it.
    putting.catch(() => undefined);
    const traffic = {
      end: () => {
        isOn = false;
        return putting;
      },
    };
    this.#traffics.push(traffic);
    return traffic;
  }

  account(): Account {
    return accountOf(this.stream, this.readers, this.#noted);
  }

  /** Waits until every record that was put is read by one of the workers. */
  async allRead(deadlineMs = TAKE_OVER_MS): Promise<void> {
    await until('every record is read', () => this.account().lost.length === 0, deadlineMs).catch((error: Error) => {
      const { put, read, lost } = this.account();
      throw new Error(`${error.message}; of ${put} put ${read} are read, not ${lost.slice(0, 3).join(', ')} ...`, { cause: error });
    });
  }

  /**
   * Waits until the workers have all leases between them, each its share, and it stays so: while one takes lease after lease from
   * another, they are shared for a moment. The leader of KCL 3.x goes by load, of which there is none here, and may leave a worker
   * with one.
   */
  async shared(workers: readonly ReaderProcess[], deadlineMs = 120_000): Promise<void> {
    let shares = '';
    let since: number | undefined;
    const areShared = async (): Promise<boolean> => {
      const open = (await this.leases()).filter((row) => row.checkpoint!.S !== 'SHARD_END').length;
      const held = await Promise.all(workers.map(async ({ name }) => (await this.heldBy(name)).length));
      shares = `of ${open} leases ${workers.map(({ name }, i) => `${name} has ${held[i]}`).join(', ')}`;
      const least = this.line.major === 3 ? 1 : Math.floor(open / workers.length);
      return held.reduce((sum, count) => sum + count, 0) === open && Math.min(...held) >= least;
    };
    const staysShared = async (): Promise<boolean> => {
      since = (await areShared()) ? (since ?? Date.now()) : undefined;
      return since !== undefined && Date.now() - since >= SETTLED_MS;
    };
    await until('the leases are shared', staysShared, deadlineMs).catch((error: Error) => {
      throw new Error(`${error.message}; ${shares}`, { cause: error });
    });
  }

  /** Where {@link report} writes to. */
  get reportFile(): string {
    return join(LOGS, `${this.tableName}.json`);
  }

  /** Writes what the workers told, and the rows, into a file beside the logs. */
  async report(): Promise<void> {
    const workers = Object.fromEntries(this.readers.map(({ name, lines }) => [name, lines.map((line) => JSON.stringify(line))]));
    await writeFile(this.reportFile, JSON.stringify({ account: this.account(), rows: await this.rows(), workers }, undefined, 1));
  }

  #added(reader: ReaderProcess): ReaderProcess {
    this.readers.push(reader);
    return reader;
  }
}
