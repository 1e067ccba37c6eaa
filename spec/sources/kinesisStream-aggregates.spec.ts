import { expect } from 'chai';
import { bufferCount, concatMap, delay, ignoreElements, mergeMap, NEVER, of, tap, throwError, type Observable } from 'rxjs';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { readRow } from '../../lib/dynamodb/lease-row.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { aggregate } from '../../lib/testing/kinesis/aggregate.js';
import type { FakeRecord, FakeScript } from '../../lib/testing/kinesis/fake-script.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import type { Position } from '../../lib/values/position.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { AGGREGATED_STREAM, aggregated, EMPTY_AGGREGATE, NAMES, namesFrom, plain, positionOf } from '../support/aggregated-stream.js';
import { fastReading, textOf } from '../support/fast-reading.js';
import { storeWith } from '../support/kept-checkpoints.js';
import { recordingStore } from '../support/recording-store.js';

/** A closed shard with these records. */
function stream(script: Partial<FakeScript> = {}, records: readonly FakeRecord[] = AGGREGATED_STREAM): FakeKinesis {
  return fakeKinesis({ shards: { 0: { records, closedAtMs: 0 } }, ...script });
}

/** All records of the stream, as they come. */
function recordsOf(kinesis: FakeKinesis, config: Partial<KinesisStreamConfig> = {}): KinesisRecord[] {
  const records: KinesisRecord[] = [];
  kinesisStream(fastReading(kinesis, { discoveryIntervalMs: Infinity, ...config }))
    .pipe(mergeMap((shard) => shard))
    .subscribe((record) => records.push(record));
  return records;
}

/** A row as KCL leaves it. */
function checkpointOfRow(checkpoint: string, sub: number): Position {
  const row = {
    leaseKey: { S: 'shardId-000000000000' },
    leaseCounter: { N: '412' },
    checkpoint: { S: checkpoint },
    checkpointSubSequenceNumber: { N: String(sub) },
  };
  return readRow(row, 'leases/shardId-000000000000').checkpoint;
}

/** The names of the records on whose blocks the work is done. */
function workOn(
  kinesis: FakeKinesis,
  store: CheckpointStore,
  work: (block: Block) => Observable<Block>,
  blocks: (shard: Shard) => Observable<KinesisRecord[]>,
) {
  const done: string[] = [];
  const note = (block: Block): void => void done.push(...block.records.map(textOf));
  const pipeline = (shard: Shard): Observable<Block> =>
    blocks(shard).pipe(withSequenceRanges(), recoverFrom(store), concatMap(work), tap(note), checkpointEvery(1));
  const subscription = kinesisStream(fastReading(kinesis, { store, discoveryIntervalMs: Infinity, requestTimeoutMs: Infinity }))
    .pipe(mergeShards(pipeline, { restart: { initialDelayMs: 1 } }))
    .subscribe();
  return { done, subscription };
}

const atOnce = (block: Block): Observable<Block> => of(block);
const inBlocksOf = (count: number) => (shard: Shard) => shard.pipe(bufferCount(count));
const pagesIn = (events: readonly KinesisEvent[]) => events.filter((event) => event.type === 'pageRead');

describe('kinesisStream and KPL aggregates', () => {
  it(
    'emits their user records in order, each with its index as sub-sequence number',
    marbles(({ flush }) => {
      const kinesis = stream();
      const records = recordsOf(kinesis);
      flush();
      expect(records).to.deep.equal(kinesis.records(0));
      expect(records.map(textOf)).to.deep.equal(NAMES);
      expect(records.map(({ subSequenceNumber: sub }) => sub).slice(4, 16)).to.deep.equal([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    }),
  );

  describe('with a checkpoint in the middle of one', () => {
    for (const [what, sub, next] of [
      ['that KCL wrote', 4, 'A.5'],
      ['at its first user record, as Spark writes it', 0, 'A.1'],
      ['at its last user record', 9, 'p5'],
    ] as const) {
      it(
        `goes on behind one ${what}: nothing is lost`,
        marbles(({ flush }) => {
          const records = recordsOf(stream(), { store: storeWith({ 0: checkpointOfRow(positionOf('A.0').sequenceNumber, sub) }) });
          flush();
          expect(records.map(textOf)).to.deep.equal(namesFrom(next));
        }),
      );
    }

    it(
      'goes on behind one that it wrote itself, since a block ended there',
      marbles(({ flush }) => {
        const store = recordingStore();
        const stuckAt = (block: Block): Observable<Block> => (textOf(block.records[0]!) === 'A.3' ? NEVER : of(block));
        const first = workOn(stream(), store, stuckAt, inBlocksOf(4));
        flush();
        first.subscription.unsubscribe();
        expect(first.done).to.deep.equal(namesFrom('p0', 'A.2'));
        expect(store.kept.at(-1)).to.match(/ 6\.2$/);

        const second = workOn(stream(), store, atOnce, inBlocksOf(4));
        flush();
        expect(second.done).to.deep.equal(namesFrom('A.3'));
        expect(store.kept.at(-1)).to.match(/ SHARD_END$/);
      }),
    );
  });

  describe('when it ends between two user records of one', () => {
    it(
      'loses nothing as the process dies',
      marbles(({ flush }) => {
        const store = memoryCheckpoints();
        let isDead = false;
        const writes: CheckpointStore = { read: store.read, write: (...asked) => (isDead ? NEVER : store.write(...asked)) };
        const work = (block: Block): Observable<Block> => {
          if (textOf(block.records[0]!) !== 'A.5') return of(block).pipe(delay(2));
          isDead = true;
          return NEVER;
        };
        const dying = workOn(stream(), writes, work, inBlocksOf(1));
        flush();
        dying.subscription.unsubscribe();
        const next = workOn(stream(), store, atOnce, inBlocksOf(1));
        flush();
        expect(dying.done).to.deep.equal(namesFrom('p0', 'A.4'));
        // The checkpoint of A.4 was not written yet.
        expect(next.done).to.deep.equal(namesFrom('A.4'));
      }),
    );

    it(
      'loses nothing as the pipeline fails and is restarted',
      marbles(({ flush }) => {
        let failures = 0;
        const failing = (shard: Shard) =>
          shard.pipe(
            concatMap((record) => (textOf(record) === 'A.4' && failures++ === 0 ? throwError(() => new Error('once')) : of(record))),
            bufferCount(1),
          );
        const { done } = workOn(stream(), memoryCheckpoints(), atOnce, failing);
        flush();
        expect(failures).to.equal(1);
        expect(done).to.deep.equal(NAMES);
      }),
    );
  });

  describe('with one without user records', () => {
    const records = [plain('a'), { data: EMPTY_AGGREGATE }, ...aggregated('b', 2), { data: EMPTY_AGGREGATE }];

    it(
      'passes over it, also as the last of a page, and of the shard',
      marbles(({ flush }) => {
        const store = recordingStore();
        const { done } = workOn(stream({ maxRecordsPerPage: 2 }, records), store, atOnce, inBlocksOf(1));
        flush();
        expect(done).to.deep.equal(['a', 'b.0', 'b.1']);
        expect(store.kept.at(-1)).to.match(/ SHARD_END$/);
      }),
    );

    it(
      'does not go back before it when the iterator expires',
      marbles(({ flush }) => {
        const kinesis = stream({ maxRecordsPerPage: 1, latencyMs: 0, expireIteratorsAtMs: [15] }, records);
        const seen = recordsOf(kinesis, { budget: readBudget({ readsPerSecond: 100, bytesPerSecond: Infinity }) });
        flush();
        expect(seen.map(textOf)).to.deep.equal(['a', 'b.0', 'b.1']);
        expect(kinesis.callsOf('getShardIterator').map(({ startingSequenceNumber: number }) => number)).to.deep.equal([undefined, '2']);
      }),
    );
  });

  it(
    'tells of pages in user records and in the bytes that Kinesis sent, which are spent once',
    marbles(({ flush }) => {
      const kinesis = stream({ maxRecordsPerPage: 6 });
      const events: KinesisEvent[] = [];
      const sent: number[] = [];
      const spent: number[] = [];
      const port = {
        ...kinesis,
        getRecords: (request: Parameters<FakeKinesis['getRecords']>[0]) =>
          kinesis.getRecords(request).pipe(tap((page) => sent.push(page.Records.reduce((sum, { Data }) => sum + Data.length, 0)))),
      };
      const budget = readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity });
      const counting = { ...budget, acquire: budget.acquire.bind(budget), forget: budget.forget.bind(budget) };
      recordsOf(kinesis, {
        client: port,
        budget: { ...counting, spend: (_shard: string, bytes: number) => void spent.push(bytes) },
        events: { next: (event) => void events.push(event) },
      });
      flush();
      expect(pagesIn(events).map(({ records }) => records)).to.deep.equal([15, 12]);
      expect(pagesIn(events).map(({ bytes }) => bytes)).to.deep.equal(sent);
      expect(spent).to.deep.equal(sent);
      expect(sent[0]).to.be.above(5 * 'p0'.length + 10 * 'A.0'.length + 20);
    }),
  );

  it(
    'reads on where one holds more than may be in flight',
    marbles(({ flush }) => {
      const store = memoryCheckpoints();
      const done: string[] = [];
      const most: number[] = [];
      const pipeline = (shard: Shard) =>
        shard.pipe(
          bufferCount(1),
          withSequenceRanges(),
          tap((block) => done.push(...block.records.map(textOf))),
          checkpointEvery(1),
          ignoreElements(),
        );
      const events = { next: (event: KinesisEvent) => void (event.type === 'pageRead' && most.push(event.records)) };
      kinesisStream(fastReading(stream(), { store, maxInFlightRecords: 3, discoveryIntervalMs: Infinity, events }))
        .pipe(mergeShards(pipeline))
        .subscribe();
      flush();
      expect(done).to.deep.equal(NAMES);
      // Three of Kinesis's records a page at most, however many there are in them.
      expect(most).to.deep.equal([3, 12, 12]);
    }),
  );

  describe('with deaggregate: false', () => {
    const wholeA = aggregate(aggregated('A', 10).map(({ data }) => ({ partitionKey: data as string, data: data as string })));

    it(
      'emits them as they are',
      marbles(({ flush }) => {
        const records = recordsOf(stream(), { deaggregate: false });
        flush();
        expect(records).to.have.length(9);
        expect(records[5]).to.deep.include({ ...positionOf('A.0'), partitionKey: 'A.0', data: wholeA });
      }),
    );

    it(
      'emits one whole again of which a checkpoint covers a part, once',
      marbles(({ flush }) => {
        const kinesis = stream({ maxRecordsPerPage: 1, expireIteratorsAtMs: [3] });
        const store = storeWith({ 0: positionOf('A.4') });
        const records = recordsOf(kinesis, { deaggregate: false, store });
        flush();
        expect(records.map(({ sequenceNumber }) => sequenceNumber)).to.deep.equal(['6', '7', '8', '9']);
        expect(kinesis.callsOf('getShardIterator').map(({ startingSequenceNumber: number }) => number)).to.deep.equal(['6', '6']);
        expect(records[0]?.data).to.deep.equal(wholeA);
      }),
    );

    it(
      'writes no checkpoint back before the one that it began at',
      marbles(({ flush }) => {
        const inner = storeWith({ 0: positionOf('A.4') });
        const store = recordingStore({ inner });
        const pipeline = (shard: Shard) => shard.pipe(bufferCount(1), withSequenceRanges(), checkpointEvery(1));
        kinesisStream(fastReading(stream({ maxRecordsPerPage: 1 }), { store, deaggregate: false, discoveryIntervalMs: Infinity }))
          .pipe(mergeShards(pipeline))
          .subscribe();
        flush();
        expect(store.asked.map((line) => line.split(' ')[1])).to.deep.equal(['7', '8', '9', 'SHARD_END']);
      }),
    );
  });
});
