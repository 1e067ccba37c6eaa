import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
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
  type StorageLevel,
} from '../../lib/index.js';
import { levelCheckpoints } from '../../lib/level/index.js';
import { blocksAt, RECORDS_A_BLOCK, type BlocksPlace } from '../support/blocks-place.js';
import { idsIn, STORAGE_LEVELS } from '../support/block-store-contract.js';
import { kill, kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { startS3, type S3Service } from '../support/s3-service.js';
import { TestStream } from '../support/test-stream.js';
import { until } from '../support/until.js';

const SHARDS = 2;
const BLOCKS_A_SHARD = 12;
const PAYLOAD_BYTES = 2_000;
/** Room for about a third of all blocks. */
const SCARCE_BYTES = (SHARDS * BLOCKS_A_SHARD * RECORDS_A_BLOCK * PAYLOAD_BYTES) / 3;

/** How many of the blocks come from Kinesis: none, all, or some and not all. */
type Recovered = 'none' | 'some' | 'all' | 'any';

/** What each fault leaves to be read again. The first column is what the guide says of a crash. */
const TABLE: Readonly<Record<string, Readonly<Record<StorageLevel, Recovered>>>> = {
  'process killed': row('all', 'none', 'some', 'none', 'none', 'none'),
  'disk file truncated': row('all', 'none', 'some', 'none', 'some', 'none'),
  'bytes flipped': row('all', 'none', 'some', 'none', 'some', 'none'),
  'directory deleted': row('all', 'none', 'all', 'none', 'all', 'none'),
  'replica down': row('all', 'all', 'some', 'some', 'none', 'none'),
  'both copies gone': row('all', 'all', 'all', 'all', 'all', 'all'),
};

function row(...cells: readonly [Recovered, Recovered, Recovered, Recovered, Recovered, Recovered]): Record<StorageLevel, Recovered> {
  return Object.fromEntries(STORAGE_LEVELS.map((level, i) => [level, cells[i]!])) as Record<StorageLevel, Recovered>;
}

describe('the storage levels, with real processes and files', function () {
  this.timeout(120_000);
  let kinesis: KinesisService;
  let s3: S3Service;
  let root: string;
  let stream: TestStream;
  const written = new Map<string, string[]>();
  const children: ChildProcess[] = [];

  before(async () => {
    kinesis = await kinesisKinds.find(({ name }) => name === 'kinesalite')!.start();
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
    await kinesis.stop();
    await s3.stop();
    await rm(root, { recursive: true, force: true });
  });

  const placeOf = (level: StorageLevel, directory: string): BlocksPlace => ({
    level,
    directory,
    s3: { endpoint: s3.endpoint, bucket: s3.bucket, prefix: `${level}/stored/` },
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
    await until('every block is stored and behind a checkpoint', () => {
      const isThrough = [...written].every(([shardId, numbers]) => said.checkpoints.get(shardId) === numbers.at(-1));
      return said.stored.size === SHARDS * BLOCKS_A_SHARD && isThrough;
    });
    await kill(child);
    expect(said.errors).to.deep.equal([]);
  }

  /** What a later process finds: each block once, by shard, and which of them came from Kinesis. */
  async function workOff(place: BlocksPlace): Promise<{ blocks: Block[]; failures: number; left: string[] }> {
    const events: KinesisEvent[] = [];
    const { blocks, close } = blocksAt(place);
    const checkpoints = new ClassicLevel(`${place.directory}/checkpoints`);
    const stop = new Subject<void>();
    const done: Block[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      kinesisStream({
        client: kinesis.client(),
        streamName: stream.name,
        startFrom: 'TRIM_HORIZON',
        store: levelCheckpoints(checkpoints),
        reader: polling({ idleDelayMs: 20 }),
        budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
        events: { next: (event) => void events.push(event) },
        stop,
      })
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              bufferCount(RECORDS_A_BLOCK),
              withSequenceRanges(),
              storeBlocks(blocks, { shard }),
              checkpointEvery(20),
              loadBlocks(blocks, { shard }),
              concatMap((one) => of(one)),
              tap((one) => done.push(one)),
              map(({ ranges }) => ({ ranges })),
              releaseBlocks(blocks),
            ),
          ),
        )
        .subscribe({ error: reject, complete: resolve });
    });
    await until('every block is worked on', () => done.length >= SHARDS * BLOCKS_A_SHARD);
    stop.next();
    await ended;
    const left = await idsIn(blocks).catch(() => ['not known']);
    await close();
    await checkpoints.close();
    return { blocks: done, failures: events.filter(({ type }) => type === 'blockStoreFailed').length, left };
  }

  /** What one fault finds at the replica, so that it does not take it from the next. */
  async function copyOfReplica(level: StorageLevel, fault: string): Promise<BlocksPlace['s3']> {
    const { endpoint, bucket } = s3;
    const prefix = `${level}/${fault.replaceAll(' ', '-')}/`;
    const client = s3.client();
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${level}/stored/` }));
    for (const { Key } of Contents) {
      const copy = `${prefix}${Key!.slice(`${level}/stored/`.length)}`;
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
      return { ...place, s3: { ...place.s3, prefix: `${place.level}/emptied/` } };
    },
  };

  for (const level of ['MEMORY_AND_DISK', 'DISK_ONLY', 'DISK_ONLY_2'] as const) {
    it(`${level}, with the disk full: the shard fails, no checkpoint passes a block that is not stored, and nothing is lost`, async () => {
      const place = placeOf(level, join(root, `${level}-full`));
      // 40 KiB a file, in units of 512 bytes: LevelDB's log does not hold all blocks. A limit that is ignored gives an error in place of a signal.
      const { child, said } = startStoring({ ...place, memoryBytes: 20_000 }, "trap '' XFSZ; ulimit -f 80;");
      await until('a shard failed', () => said.errors.length > 0);
      await kill(child);
      expect(said.errors[0]).to.match(/^BLOCK_STORE (failed|copies)$/);
      expect(said.failures).to.be.above(0);
      const numberOf = (id: string): string => /-(\d+)\/\d+$/.exec(id)![1]!;
      for (const [shardId, position] of said.checkpoints) {
        const stored = new Set([...said.stored].filter((id) => id.includes(shardId)).map(numberOf));
        expect(stored.has(position), `the checkpoint of ${shardId} is the end of a stored block`).to.equal(true);
      }

      const { blocks } = await workOff(place);
      for (const [shardId, numbers] of written) {
        const records = blocks.flatMap((one) => one.records).filter((one) => one.shardId === shardId);
        expect(records.map(({ sequenceNumber }) => sequenceNumber)).to.deep.equal(numbers);
      }
    });
  }

  for (const level of STORAGE_LEVELS) {
    describe(level, () => {
      const stored = () => join(root, level);

      before(async function () {
        this.timeout(60_000);
        await storeAll(placeOf(level, stored()));
      });

      for (const [fault, damage] of Object.entries(faults)) {
        const expected = TABLE[fault]![level];
        it(`${fault}: ${expected} of the blocks come from Kinesis, each record comes once, in order`, async () => {
          const directory = join(root, `${level} ${fault}`);
          await cp(stored(), directory, { recursive: true });
          const place = await damage({ ...placeOf(level, directory), s3: await copyOfReplica(level, fault) });
          const { blocks, left } = await workOff(place);

          for (const [shardId, numbers] of written) {
            const records = blocks.flatMap((one) => one.records).filter((one) => one.shardId === shardId);
            expect(records.map(({ sequenceNumber }) => sequenceNumber)).to.deep.equal(numbers);
          }
          const recovered = blocks.filter((one) => one.recovered).length;
          const share = recovered === 0 ? 'none' : recovered === blocks.length ? 'all' : 'some';
          expect(share).to.equal(expected);
          // All is released: nothing of it is left, wherever it was.
          if (fault !== 'replica down') expect(left).to.deep.equal([]);
        });
      }
    });
  }
});
