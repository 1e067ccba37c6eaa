import { randomFillSync } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import {
  BehaviorSubject,
  bufferCount,
  concatMap,
  defer,
  delay,
  first,
  from,
  lastValueFrom,
  map,
  of,
  Subject,
  tap,
  timer,
  toArray,
} from 'rxjs';
import {
  blockStore,
  checkpointEvery,
  kinesisShard,
  loadBlocks,
  memoryBlocks,
  memoryCheckpoints,
  polling,
  readBudget,
  releaseBlocks,
  storeBlocks,
  withSequenceRanges,
  type KinesisPort,
} from '../../lib/index.js';
import { levelBlocks } from '../../lib/level/index.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { collectGarbage } from './collect-garbage.js';

export const MIB = 1024 * 1024;
const RECORDS_A_BLOCK = 16;

/** How much flows through a store at `MEMORY_AND_DISK`, in blocks of a mebibyte, each worked on by itself. */
export interface BlocksFlow {
  readonly blocks: number;
  /** The budget of the memory tier. */
  readonly memoryBytes: number;
  /** The option of `loadBlocks`. */
  readonly maxLoadedBytes: number;
  /** How many blocks wait before the first is worked on. */
  readonly backlog: number;
  /** How long the work on a block takes, in ms. */
  readonly workMs: number;
  /** Where LevelDB keeps its files. */
  readonly directory: string;
  /** Called with each sample, ten of them. */
  readonly sampled?: (sample: FlowSample) => void;
}

/** What the process holds at one moment, after the garbage is collected. */
export interface FlowSample {
  readonly worked: number;
  /** Blocks that are stored and not worked on. */
  readonly waiting: number;
  /** JavaScript's heap and the buffers beside it, in bytes. */
  readonly heldBytes: number;
  /** Memory of its own, in bytes, without LevelDB's mapped files; `undefined` where the kernel does not tell. */
  readonly anonymousBytes: number | undefined;
  readonly diskBytes: number;
}

/** What is left behind a flow. */
export interface FlowResult {
  readonly samples: readonly FlowSample[];
  /** The ids that the store still lists. */
  readonly left: readonly string[];
  /** The keys in LevelDB, and the bytes of its files after compaction. */
  readonly keys: readonly string[];
  readonly diskBytes: number;
}

/** Sends blocks through a store to work that is slower than the source, until all of them are released. */
export async function flowThroughBlocks(flow: BlocksFlow): Promise<FlowResult> {
  const { blocks: count, memoryBytes, maxLoadedBytes, backlog, workMs, directory } = flow;
  const db = new ClassicLevel(directory);
  const blocks = blockStore('MEMORY_AND_DISK', { memory: memoryBlocks({ maxBytes: memoryBytes }), disk: levelBlocks(db) });
  const samples: FlowSample[] = [];
  const stop = new Subject<void>();
  const stored$ = new BehaviorSubject(0);
  let worked = 0;
  const sample = async (): Promise<void> => {
    const taken = { worked, waiting: stored$.value - worked };
    samples.push({ ...taken, heldBytes: await heldBytes(), anonymousBytes: await anonymousBytes(), diskBytes: await sizeOf(directory) });
    flow.sampled?.(samples.at(-1)!);
  };
  const shard = kinesisShard({
    ...{ client: payloadPort(count), streamName: 'stream', shardId: toShardId(0), startFrom: 'TRIM_HORIZON', stop },
    ...{ store: memoryCheckpoints(), reader: polling({ idleDelayMs: 5 }), deaggregate: false, events: 'silent' },
    // Blocks on their way into the store: two, and the page that brings the third.
    maxInFlightBytes: 2 * MIB,
    budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
  });
  const done$ = shard.pipe(
    bufferCount(RECORDS_A_BLOCK),
    withSequenceRanges(),
    storeBlocks(blocks, { shard }),
    tap(() => stored$.next(stored$.value + 1)),
    checkpointEvery(20),
    loadBlocks(blocks, { shard, maxLoadedBytes }),
    concatMap(({ ranges }) =>
      stored$.pipe(
        first((stored) => stored >= backlog),
        delay(workMs),
        map(() => ({ ranges })),
        tap(() => worked++),
        concatMap((done) => (worked % Math.ceil(count / 10) === 0 ? defer(() => from(sample())).pipe(map(() => done)) : of(done))),
      ),
    ),
    releaseBlocks(blocks),
    tap(() => void (worked === count && setTimeout(() => stop.next()))),
  );
  await lastValueFrom(done$);
  const left = await lastValueFrom(from(blocks.list()).pipe(toArray()));
  await db.compactRange('', '~');
  const keys = await db.keys().all();
  await db.close();
  return { samples, left, keys, diskBytes: await sizeOf(directory) };
}

/** One shard with so many blocks; the payloads of a page are made when it is read, and cannot be compressed. */
function payloadPort(blocks: number): KinesisPort {
  const records = blocks * RECORDS_A_BLOCK;
  const later = <T>(answer: () => T) => timer(0).pipe(map(answer));
  return {
    listShards: () =>
      later(() => ({
        Shards: [
          {
            ShardId: toShardId(0),
            HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
            SequenceNumberRange: { StartingSequenceNumber: '1' },
          },
        ],
      })),
    getShardIterator: (request) => later(() => ('StartingSequenceNumber' in request ? request.StartingSequenceNumber : '1')),
    getRecords: ({ ShardIterator, Limit = 10_000 }) =>
      later(() => {
        const first = Number(ShardIterator);
        // A page of Kinesis has at most 10 MiB.
        const next = Math.min(first + Math.min(Limit, 5 * RECORDS_A_BLOCK), records + 1);
        const Records = Array.from({ length: next - first }, (_, i) => ({
          SequenceNumber: String(first + i),
          PartitionKey: 'key',
          Data: randomFillSync(new Uint8Array(MIB / RECORDS_A_BLOCK)),
        }));
        return { Records, NextShardIterator: String(next), MillisBehindLatest: next > records ? 0 : 1_000 };
      }),
  };
}

/** The bytes that are held: the least of some looks, since buffers are let go of a while after they are garbage. */
export async function heldBytes(): Promise<number> {
  let least = Infinity;
  for (let look = 0; look < 4; look++) {
    await collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

async function anonymousBytes(): Promise<number | undefined> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const [, kib] = /^RssAnon:\s+(\d+) kB/m.exec(status) ?? [];
  return kib === undefined ? undefined : Number(kib) * 1_024;
}

async function sizeOf(directory: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(directory)).map(async (name) => {
      // LevelDB deletes files while they are counted.
      const file = await stat(join(directory, name)).catch(() => undefined);
      return file?.size ?? 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
