import { PutRecordsCommand, type GetShardIteratorCommandInput, type KinesisClient } from '@aws-sdk/client-kinesis';
import { CopyObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { ClassicLevel } from 'classic-level';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bufferCount, concatMap, map, of, Subject, tap } from 'rxjs';
import {
  checkpointEvery,
  isRangeExpired,
  isRecoveryTimeout,
  kinesisStream,
  loadBlocks,
  mergeShards,
  polling,
  readBudget,
  releaseBlocks,
  storeBlocks,
  withSequenceRanges,
  type Block,
  type KinesisEvent,
  type SequenceNumberRange,
  type StorageLevel,
} from '../../lib/index.js';
import { levelCheckpoints } from '../../lib/level/index.js';
import { blocksAt, RECORDS_A_BLOCK, type BlocksPlace } from '../support/blocks-place.js';
import { idsIn, STORAGE_LEVELS } from '../support/block-store-contract.js';
import { startFaultProxy, throttled, type FaultProxy } from '../support/fault-proxy.js';
import { clientsOf, kill, kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { startS3, type S3Service } from '../support/s3-service.js';
import { STORAGE_LEVEL_TABLE as TABLE } from '../support/storage-level-table.js';
import { TestStream } from '../support/test-stream.js';
import { SERVICE_DEADLINE_MS, until } from '../support/until.js';

const SHARDS = 2;
const BLOCKS_A_SHARD = 12;
const PAYLOAD_BYTES = 2_000;
/** Room for about a third of all blocks. */
const SCARCE_BYTES = (SHARDS * BLOCKS_A_SHARD * RECORDS_A_BLOCK * PAYLOAD_BYTES) / 3;

describe('the storage levels, with real processes and files', function () {
  this.timeout(120_000);
  let kinesis: KinesisService;
  let proxy: FaultProxy;
  let s3: S3Service;
  let root: string;
  let stream: TestStream;
  const written = new Map<string, string[]>();
  const children: ChildProcess[] = [];

  before(async () => {
    kinesis = await kinesisKinds.find(({ name }) => name === 'kinesalite')!.start();
    proxy = await startFaultProxy(kinesis.endpoint);
    s3 = await startS3();
    root = await mkdtemp(join(tmpdir(), 'rx-kinesis-levels-'));
    stream = await TestStream.create(kinesis, SHARDS);
    const client = kinesis.client();
    for (const hash of ['1', String(2n ** 127n + 1n)]) {
      const Records = Array.from({ length: BLOCKS_A_SHARD * RECORDS_A_BLOCK }, () => ({
        PartitionKey: 'key',
        ExplicitHashKey: hash,
        Data: randomBytes(PAYLOAD_BYTES),
      }));
      const answer = await client.send(new PutRecordsCommand({ StreamName: stream.name, Records }));
      for (const { ShardId, SequenceNumber } of answer.Records!) written.set(ShardId!, [...(written.get(ShardId!) ?? []), SequenceNumber!]);
    }
  });
  after(async () => {
    await Promise.all(children.map((child) => kill(child)));
    await proxy.stop();
    await kinesis.stop();
    await s3.stop();
    await rm(root, { recursive: true, force: true });
  });

  /** Without a slash: s3rver removes a directory whose last object is deleted, and crashes when another object is being written there. */
  const prefixOf = (level: StorageLevel, fault: string): string => `${level}.${fault.replaceAll(' ', '-')}.`;

  const placeOf = (level: StorageLevel, directory: string): BlocksPlace => ({
    level,
    directory,
    s3: { endpoint: s3.endpoint, bucket: s3.bucket, prefix: prefixOf(level, 'stored') },
    memoryBytes: level.includes('AND_DISK') ? SCARCE_BYTES : 64 * 1024 * 1024,
  });

  /** What a process that stores said. */
  interface Said {
    readonly stored: Set<string>;
    readonly checkpoints: Map<string, string>;
    readonly errors: string[];
    failures: number;
  }

  /** Starts a process that stores; `limit` are words before its command line, such as a limit on its files. */
  function startStoring(place: BlocksPlace, limit = ''): { child: ChildProcess; said: Said } {
    const said: Said = { stored: new Set(), checkpoints: new Map(), errors: [], failures: 0 };
    const settings = JSON.stringify({ ...place, streamName: stream.name, kinesis: kinesis.endpoint });
    const worker = resolve(import.meta.dirname, '../support/blocks-worker.ts');
    const command = `${limit} exec "${process.execPath}" --import tsx "$0" "$1"`;
    const env = { ...process.env, NODE_V8_COVERAGE: undefined, NODE_NO_WARNINGS: '1' };
    const child = spawn('sh', ['-c', command, worker, settings], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    children.push(child);
    child.on('message', (message: { stored?: string; checkpoint?: [string, string]; error?: string; fault?: string; failed?: string }) => {
      if (message.stored) said.stored.add(message.stored);
      if (message.checkpoint) said.checkpoints.set(...message.checkpoint);
      if (message.error) said.errors.push(`${message.error} ${message.fault}`);
      if (message.failed) said.failures++;
    });
    return { child, said };
  }

  /** Has a process store every block, and checkpoint them all; kills it. */
  async function storeAll(place: BlocksPlace): Promise<void> {
    const { child, said } = startStoring(place);
    await until(
      'every block is stored and behind a checkpoint',
      () => {
        const isThrough = [...written].every(([shardId, numbers]) => said.checkpoints.get(shardId) === numbers.at(-1));
        return said.stored.size === SHARDS * BLOCKS_A_SHARD && isThrough;
      },
      SERVICE_DEADLINE_MS,
    );
    await kill(child);
    expect(said.errors).to.deep.equal([]);
  }

  /** How a later process works, and what it meets. */
  interface Later {
    readonly client?: KinesisClient;
    readonly onGap?: 'continue';
    readonly retryTimeoutMs?: number;
    /** Called before each look whether the work is done. */
    readonly look?: (worked: number, events: readonly KinesisEvent[]) => void;
  }

  /** What a later process finds: each block once, by shard, and which of them came from Kinesis. Rejects with the error that ends the stream. */
  async function workOff(place: BlocksPlace, { client = kinesis.client(), onGap, retryTimeoutMs = 10_000, look }: Later = {}) {
    const events: KinesisEvent[] = [];
    const { blocks, close } = blocksAt(place);
    const checkpoints = new ClassicLevel(`${place.directory}/checkpoints`);
    const stop = new Subject<void>();
    const done: Block[] = [];
    let failure: unknown;
    const ended = new Promise<void>((resolve) => {
      kinesisStream({
        client,
        streamName: stream.name,
        startFrom: 'TRIM_HORIZON',
        store: levelCheckpoints(checkpoints),
        reader: polling({ idleDelayMs: 20 }),
        budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
        events: { next: (event) => void events.push(event) },
        retry: { maxRetries: 100, maxDelayMs: 200 },
        stop,
        ...(onGap && { onGap }),
      })
        .pipe(
          mergeShards(
            (shard) =>
              shard.pipe(
                bufferCount(RECORDS_A_BLOCK),
                withSequenceRanges(),
                storeBlocks(blocks, { shard }),
                checkpointEvery(20),
                loadBlocks(blocks, { shard, retryTimeoutMs }),
                concatMap((one) => of(one)),
                tap((one) => done.push(one)),
                map(({ ranges }) => ({ ranges })),
                releaseBlocks(blocks),
              ),
            { restart: { initialDelayMs: 50 } },
          ),
        )
        .subscribe({ error: (error: unknown) => ((failure = error), resolve()), complete: resolve });
    });
    await until(
      'every block is worked on',
      () => {
        look?.(done.length, events);
        return failure !== undefined || done.length >= SHARDS * BLOCKS_A_SHARD;
      },
      SERVICE_DEADLINE_MS,
    );
    stop.next();
    await ended;
    const left = await idsIn(blocks).catch(() => ['not known']);
    await close();
    await checkpoints.close();
    const gaps = events.filter(({ type }) => type === 'gap').length;
    return { blocks: done, left, events, gaps, failure };
  }

  /** Each record comes once, in order. */
  function expectAllRecords(blocks: readonly Block[]): void {
    for (const [shardId, numbers] of written) {
      const records = blocks.flatMap((one) => one.records).filter((one) => one.shardId === shardId);
      expect(records.map(({ sequenceNumber }) => sequenceNumber)).to.deep.equal(numbers);
    }
  }

  function shareOf(blocks: readonly Block[]): 'all' | 'none' | 'some' {
    const recovered = blocks.filter((one) => one.recovered).length;
    return recovered === 0 ? 'none' : recovered === blocks.length ? 'all' : 'some';
  }

  /** A client of a Kinesis that has trimmed all records but the last of each shard: an iterator at an older one begins there. */
  function trimmedClient(): KinesisClient {
    const client = kinesis.client();
    client.middlewareStack.add(
      (next) => (args) => {
        const input = args.input as Partial<GetShardIteratorCommandInput>;
        const oldest = input.ShardIteratorType && written.get(input.ShardId!)!.at(-1)!;
        const { StartingSequenceNumber: at = '0' } = input;
        if (oldest === undefined || BigInt(at) >= BigInt(oldest)) return next(args);
        return next({ ...args, input: { ...input, ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: oldest } });
      },
      { step: 'initialize' },
    );
    return client;
  }

  /** What one fault finds at the replica, so that it does not take it from the next. */
  async function copyOfReplica(level: StorageLevel, fault: string): Promise<BlocksPlace['s3']> {
    const { endpoint, bucket } = s3;
    const prefix = prefixOf(level, fault);
    const from = prefixOf(level, 'stored');
    const client = s3.client();
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: from }));
    for (const { Key } of Contents) {
      const copy = `${prefix}${Key!.slice(from.length)}`;
      await client.send(new CopyObjectCommand({ Bucket: bucket, Key: copy, CopySource: encodeURI(`${bucket}/${Key}`) }));
    }
    return { endpoint, bucket, prefix };
  }

  const dataFiles = async (directory: string): Promise<string[]> => {
    const names = await readdir(join(directory, 'blocks')).catch(() => [] as string[]);
    return names.filter((name) => /\.(log|ldb)$/.test(name)).map((name) => join(directory, 'blocks', name));
  };
  const faults: Readonly<Record<string, (place: BlocksPlace) => Promise<BlocksPlace> | BlocksPlace>> = {
    'process killed': (place) => place,
    'disk file truncated': async (place) => {
      for (const file of await dataFiles(place.directory)) await truncate(file, Math.floor((await stat(file)).size / 2));
      return place;
    },
    'bytes flipped': async (place) => {
      for (const file of await dataFiles(place.directory)) {
        const bytes = await readFile(file);
        // Towards the end, so that some blocks stand before the damage: LevelDB reads a log up to it.
        for (const part of [0.6, 0.7, 0.8]) bytes[Math.floor(bytes.byteLength * part)]! ^= 0x40;
        await writeFile(file, bytes);
      }
      return place;
    },
    'directory deleted': async (place) => {
      await rm(join(place.directory, 'blocks'), { recursive: true, force: true });
      return place;
    },
    // Nobody listens there.
    'replica down': (place) => ({ ...place, s3: { ...place.s3, endpoint: 'http://127.0.0.1:9' } }),
    'both copies gone': async (place) => {
      await rm(join(place.directory, 'blocks'), { recursive: true, force: true });
      return { ...place, s3: { ...place.s3, prefix: prefixOf(place.level, 'emptied') } };
    },
  };

  // 40 KiB a file, in units of 512 bytes: LevelDB's log does not hold all blocks. A limit that is ignored gives an error in place of a signal.
  const FULL_DISK = "trap '' XFSZ; ulimit -f 80;";
  for (const level of STORAGE_LEVELS) {
    const hasDisk = TABLE['disk full'][level] !== 'no disk';
    const what = hasDisk ? 'the shard fails, no checkpoint passes a block that is not stored' : 'every block is stored';
    it(`${level}, disk full: ${what}, and nothing is lost`, async () => {
      const place = placeOf(level, join(root, `${level}-full`));
      const { child, said } = startStoring({ ...place, ...(hasDisk && { memoryBytes: 20_000 }) }, FULL_DISK);
      await until(
        'a shard failed, or all is stored',
        () => said.errors.length > 0 || said.stored.size === SHARDS * BLOCKS_A_SHARD,
        SERVICE_DEADLINE_MS,
      );
      await kill(child);
      if (hasDisk) {
        expect(said.errors[0]).to.match(/^BLOCK_STORE (failed|copies)$/);
        expect(said.failures).to.be.above(0);
        const numberOf = (id: string): string => /-(\d+)\/\d+$/.exec(id)![1]!;
        for (const [shardId, position] of said.checkpoints) {
          const stored = new Set([...said.stored].filter((id) => id.includes(shardId)).map(numberOf));
          expect(stored.has(position), `the checkpoint of ${shardId} is the end of a stored block`).to.equal(true);
        }
      } else expect([said.errors, said.failures, said.stored.size]).to.deep.equal([[], 0, SHARDS * BLOCKS_A_SHARD]);

      expectAllRecords((await workOff(place)).blocks);
    });
  }

  for (const level of STORAGE_LEVELS) {
    describe(level, () => {
      const stored = () => join(root, level);

      before(async function () {
        this.timeout(60_000);
        await storeAll(placeOf(level, stored()));
      });

      /** The place of a process that was killed, for one fault alone. */
      async function placeFor(fault: string): Promise<BlocksPlace> {
        const directory = join(root, `${level} ${fault}`);
        await cp(stored(), directory, { recursive: true });
        return { ...placeOf(level, directory), s3: await copyOfReplica(level, fault) };
      }

      for (const [fault, damage] of Object.entries(faults)) {
        const expected = TABLE[fault as keyof typeof TABLE][level];
        it(`${fault}: ${expected} of the blocks come from Kinesis, each record comes once, in order`, async () => {
          const { blocks, left } = await workOff(await damage(await placeFor(fault)));
          expectAllRecords(blocks);
          expect(shareOf(blocks)).to.equal(expected);
          // All is released: nothing of it is left, wherever it was.
          if (fault !== 'replica down') expect(left).to.deep.equal([]);
        });
      }

      const throttling = TABLE['Kinesis throttles'][level];
      it(`Kinesis throttles: ${throttling}; each record comes once, in order`, async () => {
        const timedOut = (events: readonly KinesisEvent[]): boolean =>
          events.some((event) => event.type === 'shardRestarted' && isRecoveryTimeout(event.error));
        proxy.make(({ operation }) => (operation === 'GetRecords' ? throttled : undefined));
        const client = clientsOf(proxy.endpoint).client();
        const { blocks, events } = await workOff(await placeFor('Kinesis throttles'), {
          client,
          retryTimeoutMs: 300,
          // It throttles until the stores have given what they have, and a recovery has given up.
          look: (worked, soFar) => {
            if (throttling === 'none' ? worked === SHARDS * BLOCKS_A_SHARD : timedOut(soFar)) proxy.heal();
          },
        });
        client.destroy();
        expectAllRecords(blocks);
        expect(timedOut(events)).to.equal(throttling !== 'none');
        expect(shareOf(blocks)).to.equal(throttling.split(',')[0]);
      });

      const trimmed = TABLE['data trimmed'][level];
      it(`data trimmed: ${trimmed}; what is lost is named, and the rest comes once, in order`, async () => {
        const place = await placeFor('data trimmed');
        if (trimmed === 'none') {
          const { blocks, gaps } = await workOff(place, { client: trimmedClient() });
          expectAllRecords(blocks);
          expect([shareOf(blocks), gaps]).to.deep.equal(['none', 0]);
          return;
        }
        const copy = { ...place, directory: `${place.directory} under onGap` };
        await cp(place.directory, copy.directory, { recursive: true });
        const failed = await workOff(place, { client: trimmedClient() });
        expect(isRangeExpired(failed.failure), String(failed.failure)).to.equal(true);

        const { blocks, gaps } = await workOff(copy, { client: trimmedClient(), onGap: 'continue' });
        const lost = blocks.filter(({ records, ranges }) => records.length < ranges.recordCount);
        expect(lost.length === blocks.length ? 'all' : 'some').to.equal(trimmed.split(' ')[0]);
        expect(gaps).to.equal(lost.length);
        for (const { recovered, records, ranges } of blocks) {
          // A block that a store has is whole, and of a lost one only the shard's last record can have come.
          if (recovered) expect(records.map(({ sequenceNumber }) => sequenceNumber)).to.deep.equal(lastOnly(ranges.ranges[0]!));
          else expect(records).to.have.length(ranges.recordCount);
        }
      });

      const lastOnly = ({ shardId, toSeqNumber }: SequenceNumberRange): string[] =>
        toSeqNumber === written.get(shardId)!.at(-1) ? [toSeqNumber] : [];
    });
  }

  it('has done every cell of the table', () => {
    const done = ['disk full', 'Kinesis throttles', 'data trimmed', ...Object.keys(faults)];
    expect(done.sort()).to.deep.equal(Object.keys(TABLE).sort());
  });
});
