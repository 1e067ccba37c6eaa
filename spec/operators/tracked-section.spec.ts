import { expect } from 'chai';
import fc from 'fast-check';
import {
  bufferCount,
  bufferTime,
  concatMap,
  delay,
  from,
  identity,
  map,
  merge,
  mergeMap,
  of,
  retry,
  tap,
  timer,
  type Observable,
} from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import type { Checkpoint, CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { polling } from '../../lib/readers/polling.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import type { FakeRecord } from '../../lib/testing/kinesis/fake-script.js';
import { marbles } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { comparePositions, SHARD_END, type Position } from '../../lib/values/position.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { endOf, positionToString, startOf } from '../../lib/values/sequence-range.js';
import { instantKinesis, PASSING, quickReading } from '../support/quick-shard.js';

/** Everything that is left to chance. */
interface Course {
  /** For each record: how long after the one before it arrives, and whether it is of the same aggregate. */
  readonly shards: ReadonlyArray<ReadonlyArray<{ readonly gapMs: number; readonly joined: boolean }>>;
  readonly page: number;
  readonly idleDelayMs: number;
  readonly latencyMs: number;
  readonly maxRetries: number;
  readonly maxInFlightRecords: number;
  readonly buffer: { readonly kind: 'count' | 'time'; readonly size: number };
  /** What lies between `withSequenceRanges` and `recoverFrom`, or ahead of both. */
  readonly upstreamMs: number;
  readonly concurrency: number;
  readonly workMs: readonly number[];
  readonly intervalMs: number;
  readonly writeMs: number | undefined;
  /** Reads that fail, each the first from that time on. */
  readonly failuresMs: readonly number[];
  /** Which blocks, counted from the first, throw in an operator above `recoverFrom`. */
  readonly throwing: readonly number[];
  /** Which writes fail. */
  readonly refusals: readonly number[];
  /** Where `recoverFrom` stands, in each shard's pipeline or below their merger; or what does its work instead. */
  readonly recovery: 'blocks' | 'records' | 'merged blocks' | 'merged records' | 'retry' | 'mergeShards';
  /** When the process dies, with nothing written afterwards, and a new one begins. */
  readonly crashMs: number | undefined;
}

const short = fc.array(fc.nat({ max: 60 }), { maxLength: 5 });
const course: fc.Arbitrary<Course> = fc.record({
  shards: fc.array(fc.array(fc.record({ gapMs: fc.nat({ max: 4 }), joined: fc.boolean() }), { maxLength: 16 }), {
    minLength: 1,
    maxLength: 2,
  }),
  page: fc.integer({ min: 1, max: 5 }),
  idleDelayMs: fc.integer({ min: 1, max: 4 }),
  latencyMs: fc.nat({ max: 2 }),
  maxRetries: fc.nat({ max: 1 }),
  maxInFlightRecords: fc.integer({ min: 1, max: 12 }),
  buffer: fc.record({ kind: fc.constantFrom('count', 'time'), size: fc.integer({ min: 1, max: 6 }) }),
  upstreamMs: fc.nat({ max: 6 }),
  concurrency: fc.integer({ min: 1, max: 5 }),
  workMs: fc.array(fc.nat({ max: 25 }), { minLength: 1, maxLength: 8 }),
  intervalMs: fc.integer({ min: 1, max: 15 }),
  writeMs: fc.option(fc.nat({ max: 12 }), { nil: undefined }),
  failuresMs: short,
  throwing: fc.array(fc.nat({ max: 12 }), { maxLength: 2 }),
  refusals: fc.array(fc.nat({ max: 8 }), { maxLength: 3 }),
  recovery: fc.constantFrom('blocks', 'records', 'merged blocks', 'merged records', 'retry', 'mergeShards'),
  crashMs: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined, freq: 3 }),
});

/** A write to the store that was kept, and what had been finished by then. */
interface Write {
  readonly checkpoint: Checkpoint;
  readonly finished: ReadonlySet<string>;
  readonly process: number;
}

/** What came of a course. */
interface Outcome {
  /** The records of each shard, in order. */
  readonly records: ReadonlyMap<string, readonly KinesisRecord[]>;
  /** What the work was given, and in which process. */
  readonly handled: ReadonlyArray<{ readonly record: KinesisRecord; readonly process: number }>;
  readonly writes: readonly Write[];
}

const keyOf = (shardId: string, position: Position): string => `${shardId} ${positionToString(position)}`;

/** Follows a course to its end. */
function follow(scheduler: TestScheduler, flush: () => void, it: Course): Outcome {
  const kinesis = kinesisOf(it);
  const handled: { record: KinesisRecord; process: number }[] = [];
  const finished = new Set<string>();
  const writes: Write[] = [];
  const inner = memoryCheckpoints();
  let process = 0;
  let writeCount = 0;

  const storeOf = (ofProcess: number): CheckpointStore => ({
    read: (shard) => inner.read(shard),
    write: (checkpoint, shard) =>
      (it.writeMs === undefined ? of(0) : timer(it.writeMs)).pipe(
        concatMap(() => {
          if (ofProcess !== process || it.refusals.includes(writeCount++)) throw new Error('refused');
          return from(inner.write(checkpoint, shard));
        }),
        tap({ complete: () => writes.push({ checkpoint, finished: new Set(finished), process }) }),
      ),
  });
  const run = () => {
    const ofProcess = process;
    const store = storeOf(ofProcess);
    const work = (block: Block, index: number): Observable<Block> => {
      for (const record of block.records) handled.push({ record, process });
      const end = (): void => block.records.forEach((record) => finished.add(keyOf(record.shardId, record)));
      return of(block).pipe(delay(it.workMs[index % it.workMs.length]!), tap(end));
    };
    const pipeline = pipelineOf(it, store, work);
    const reading = {
      ...quickReading(),
      ...{ client: kinesis, store, maxInFlightRecords: it.maxInFlightRecords, random: () => 0.5 },
      retry: { maxRetries: it.maxRetries, initialDelayMs: 3 },
      reader: polling({ idleDelayMs: it.idleDelayMs, maxRecordsPerPage: it.page }),
    };
    if (it.recovery.startsWith('merged'))
      return pipeline(merge(...shardIdsOf(it).map((shardId) => kinesisShard({ ...reading, shardId })))).subscribe();
    const restart = { maxRestarts: 1_000, initialDelayMs: 2 };
    return kinesisStream({ ...reading, discoveryIntervalMs: Infinity })
      .pipe(mergeShards(pipeline, { restart, random: () => 0.5 }))
      .subscribe();
  };
  let subscription = run();
  if (it.crashMs !== undefined) {
    scheduler.schedule(() => {
      process++;
      subscription.unsubscribe();
      subscription = run();
    }, it.crashMs);
  }
  flush();
  const records = new Map(shardIdsOf(it).map((shardId) => [shardId, kinesis.records(shardId)]));
  return { records, handled, writes };
}

function kinesisOf({ shards, latencyMs, failuresMs }: Course) {
  const faults = failuresMs.map((fromMs) => ({ method: 'getRecords', error: PASSING, fromMs }) as const);
  const scripts = shards.map((records, shard) => {
    let atMs = 0;
    const scripted: FakeRecord[] = records.map(({ gapMs, joined }, i) => {
      const sub = joined && i > 0 ? 1 : 0;
      if (sub === 0) atMs += gapMs;
      return { atMs, data: 'x', sequenceNumber: (i + 1) * 10 + shard, subSequenceNumber: 0 };
    });
    return {
      records: joinedUp(
        scripted,
        records.map(({ joined }) => joined),
      ),
      closedAtMs: atMs + 3,
    };
  });
  return instantKinesis({ shards: Object.fromEntries(scripts.map((script, i) => [i, script])), latencyMs, faults });
}

/** Gives joined records the number of the one before, and sub-sequence numbers. */
function joinedUp(records: readonly FakeRecord[], joined: readonly boolean[]): FakeRecord[] {
  const result: FakeRecord[] = [];
  for (const [i, it] of records.entries()) {
    const before = result.at(-1);
    const isJoined = joined[i] === true && before !== undefined;
    result.push(isJoined ? { ...before, subSequenceNumber: before.subSequenceNumber! + 1 } : it);
  }
  return result;
}

function shardIdsOf({ shards }: Course): string[] {
  return shards.map((_, shard) => `shardId-00000000000${shard}`);
}

function pipelineOf(it: Course, store: CheckpointStore, work: (block: Block, index: number) => Observable<Block>) {
  const { recovery, buffer, upstreamMs, concurrency } = it;
  const recovering = <T extends Block | KinesisRecord>() => recoverFrom<T>(store, { maxRecoveries: 1_000 });
  const throwing = [...it.throwing];
  let count = 0;
  const mayThrow = <T>(value: T): T => {
    const at = throwing.indexOf(count++);
    if (at === -1) return value;
    throwing.splice(at, 1);
    throw new TypeError('of the user');
  };
  const asRecords = recovery.endsWith('records');
  const asBlocks = recovery.endsWith('blocks');
  const blocksOf = (records$: Observable<KinesisRecord>): Observable<Block> =>
    records$.pipe(buffer.kind === 'count' ? bufferCount(buffer.size) : bufferTime(buffer.size), withSequenceRanges());

  return (records$: Observable<KinesisRecord>): Observable<Block> => {
    const blocks$ = asRecords
      ? blocksOf(records$.pipe(delay(upstreamMs), map(mayThrow<KinesisRecord>), recovering<KinesisRecord>()))
      : blocksOf(records$).pipe(delay(upstreamMs), map(mayThrow<Block>), asBlocks ? recovering<Block>() : identity);
    return blocks$.pipe(
      mergeMap(work, concurrency),
      checkpointEvery(it.intervalMs, { maxRetries: 3, retryDelayMs: 2, random: () => 0.5 }),
      recovery === 'retry' ? retry({ delay: () => timer(1) }) : identity,
    );
  };
}

/** Throws unless what came of the course is right. */
function check(it: Course, { records, handled, writes }: Outcome): void {
  for (const [shardId, all] of records) {
    const keys = all.map((record) => keyOf(shardId, record));
    const own = handled.filter(({ record }) => record.shardId === shardId);
    const seen = own.map(({ record }) => keyOf(shardId, record));

    expect([...new Set(seen)], `${shardId}: every record is handled, and for the first time in order`).to.deep.equal(keys);
    if (it.crashMs === undefined && (it.recovery.endsWith('blocks') || it.recovery.endsWith('records')))
      expect(seen, `${shardId}: each record is handled once`).to.deep.equal(keys);

    const ownWrites = writes.filter(({ checkpoint }) => checkpoint.shardId === shardId);
    checkEnd(it, all, ownWrites);
    ownWrites.forEach((write) => checkWrite(all, write));
    ownWrites.slice(1).forEach(({ checkpoint, process }, i) => {
      const order = comparePositions(ownWrites[i]!.checkpoint, checkpoint);
      expect(order, `${shardId}: checkpoints go ahead`).to.be.lessThan(process === ownWrites[i]!.process ? 0 : 1);
    });
    checkRestart(shardId, own, ownWrites);
  }
}

/**
 * All of a shard is checkpointed, as a rule by SHARD_END. By itself, outside of a stream, a shard can say so only behind a
 * block: without records, and when the process before has written the last of them, none comes.
 */
function checkEnd({ recovery, crashMs }: Course, all: readonly KinesisRecord[], writes: readonly Write[]): void {
  const last = writes.at(-1)?.checkpoint;
  const final = all.at(-1);
  const isAlone = recovery.startsWith('merged');
  if (isAlone && crashMs !== undefined) {
    if (final) expect(last && comparePositions(last, final), `${final.shardId}: all of it is checkpointed`).to.be.at.least(0);
  } else if (!isAlone || final) {
    expect(last?.sequenceNumber, 'a shard comes to its end').to.equal(SHARD_END);
  }
}

/** Nothing unfinished is at or before a checkpoint, nor in what it says is settled beyond. */
function checkWrite(all: readonly KinesisRecord[], { checkpoint, finished }: Write): void {
  const { shardId, settledBeyond = [] } = checkpoint;
  const covered = all.filter(
    (record) =>
      comparePositions(record, checkpoint) <= 0 ||
      settledBeyond.some((range) => comparePositions(startOf(range), record) <= 0 && comparePositions(record, endOf(range)) <= 0),
  );
  const unfinished = covered.filter((record) => !finished.has(keyOf(shardId, record))).map(positionToString);
  expect(unfinished, `${shardId}: a checkpoint at ${positionToString(checkpoint)} passes unfinished work`).to.deep.equal([]);
}

/** A new process is given nothing that the store said is settled. */
function checkRestart(shardId: string, own: Outcome['handled'], writes: readonly Write[]): void {
  const last = writes.filter(({ process }) => process === 0).at(-1)?.checkpoint;
  if (!last) return;
  const again = own.filter(({ record, process }) => process === 1 && comparePositions(record, last) <= 0);
  expect(again, `${shardId}: a new process begins behind the checkpoint`).to.deep.equal([]);
  const beyond = (last.settledBeyond ?? []).flatMap((range) =>
    own.filter(
      ({ record, process }) =>
        process === 1 && comparePositions(startOf(range), record) <= 0 && comparePositions(record, endOf(range)) <= 0,
    ),
  );
  expect(beyond, `${shardId}: what is settled beyond the checkpoint does not come again`).to.deep.equal([]);
}

describe('the tracked section, whatever happens', () => {
  it('loses nothing, keeps the order, recovers exactly once, and never writes past unfinished work', () => {
    fc.assert(
      fc.property(course, (it) => {
        marbles(({ scheduler, flush }) => check(it, follow(scheduler, flush, it)))();
      }),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 200) },
    );
  }).timeout(600_000);
});
