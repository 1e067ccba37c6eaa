import { expect } from 'chai';
import { bufferTime, catchError, concat, map, mergeMap, of, retry, takeUntil, timer, type Observable, type SchedulerLike } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { isShardReadError } from '../../lib/kinesis/errors.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { fastReading, identityOf, numberOf, textOf } from '../support/fast-reading.js';
import { storeWith } from '../support/kept-checkpoints.js';
import { timelineOf } from '../support/timeline.js';

/** The payloads of all shards, as they come; a failing shard is subscribed again after 10 ms. */
function texts(kinesis: FakeKinesis, config: Partial<KinesisStreamConfig> = {}): Observable<string> {
  return kinesisStream(fastReading(kinesis, config)).pipe(
    mergeMap((shard) => shard.pipe(retry({ delay: () => timer(10) }))),
    map(textOf),
  );
}

const letters = (timeline: readonly string[]): string => timeline.map((line) => line.split(' ')[1]).join('');
const starts = (kinesis: FakeKinesis, shard: number) =>
  kinesis.callsOf('getShardIterator', shard).map(({ type, timestamp }) => [type, timestamp?.getTime()]);

describe('kinesisStream, at its beginning,', () => {
  it(
    'begins at a checkpoint, after the record that it names',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcd^' } });
      const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST', store: storeWith({ 0: '2' }) }), 20);
      flush();
      expect(letters(timeline)).to.equal('cd');
    }),
  );

  describe('with LATEST', () => {
    it(
      'begins with what comes after the first moment, also while the shards are being listed',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^-----c------d' }, faults: [{ method: 'listShards', latencyMs: 50 }] });
        const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST' }), 80);
        flush();
        expect(letters(timeline)).to.equal('cd');
      }),
    );

    it(
      'begins at the moment of its subscription, and stays there (regression: an iterator that expires before the first record, then LATEST again)',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a 100ms ^ 200ms b' }, expireIteratorsAtMs: [100, 201] });
        const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST' }), 300);
        flush();
        expect(letters(timeline)).to.equal('b');
        expect(starts(kinesis, 0)).to.deep.equal([
          ['AT_TIMESTAMP', 0],
          ['AT_TIMESTAMP', 0],
          ['AT_TIMESTAMP', 0],
        ]);
      }),
    );

    it(
      'begins at the moment of its subscription, also when a shard is subscribed much later or again (regression: LATEST anew lost what came between)',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({
          shards: { 0: '-----b 300ms c' },
          faults: [{ method: 'getRecords', error: 'AccessDeniedException' }],
        });
        const late$ = kinesisStream(fastReading(kinesis, { startFrom: 'LATEST' })).pipe(
          mergeMap((shard) => concat(timer(200).pipe(map(() => undefined)), shard.pipe(retry({ delay: () => timer(50) })))),
          map((record) => (record ? textOf(record) : '-')),
        );
        const timeline = timelineOf(late$, 500);
        flush();
        expect(letters(timeline)).to.equal('-bc');
      }),
    );

    for (const [aheadMs, read] of [
      [20_000, 'bcdef'],
      [-20_000, 'abcdef'],
    ] as const) {
      it(
        `by a clock that is ${aheadMs} ms ahead, without passing over what comes after its subscription, also when it is read again`,
        marbles(({ flush, scheduler: real }) => {
          const scheduler: SchedulerLike = { now: () => real.now() + aheadMs, schedule: real.schedule.bind(real) };
          const at = (data: string, atMs: number) => ({ data, atMs });
          const kinesis = fakeKinesis({
            shards: {
              0: { records: [at('a', -15_000), at('b', -5_000), at('c', 1_000), at('d', 6_000)] },
              1: { records: [at('e', 2_000), at('f', 30_000)] },
            },
            // What is not settled by then is read again.
            faults: [{ method: 'getRecords', error: 'AccessDeniedException', shard: 0, fromMs: 5_500 }],
          });
          const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST', scheduler }), 40_000);
          flush();
          expect([...new Set(letters(timeline))].sort().join('')).to.equal(read);
          const opened = starts(kinesis, 0).slice(-2);
          expect(opened[1], 'where it was read again').to.deep.equal(opened[0]);
        }),
      );
    }

    it(
      'passes over shards that were closed by then, and reads their children from the same moment',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({
          shards: {
            0: 'a--|----^',
            1: {
              parents: [0],
              records: [
                { data: 'b', atMs: -2 },
                { data: 'c', atMs: 5 },
              ],
            },
          },
        });
        const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST' }), 40);
        flush();
        expect(letters(timeline)).to.equal('c');
        expect(kinesis.callsOf('getRecords', 0)).to.deep.equal([]);
      }),
    );

    it(
      'reads the rest of a closed shard that has a checkpoint',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'abc--|----^', 1: { parents: [0], records: [{ data: 'd', atMs: -2 }] } } });
        const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST', store: storeWith({ 0: '2' }) }), 40);
        flush();
        expect(letters(timeline)).to.equal('c');
      }),
    );

    for (const checkpoint of ['2', 'SHARD_END']) {
      it(
        `reads all of a shard whose parent has the checkpoint ${checkpoint} and is no longer listed`,
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 3: { parents: [0], createdAtMs: -9, records: [{ data: 'a', atMs: -2 }] } } });
          const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST', store: storeWith({ 0: checkpoint }), onGap: 'continue' }), 40);
          flush();
          expect(letters(timeline)).to.equal('a');
          expect(starts(kinesis, 3)).to.deep.equal([['TRIM_HORIZON', undefined]]);
        }),
      );
    }

    it(
      'begins at the moment of its subscription where a parent that is no longer listed was never worked on',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 3: { parents: [0], createdAtMs: -9, records: [{ data: 'a', atMs: -2 }] } } });
        const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST', store: memoryCheckpoints() }), 40);
        flush();
        expect(letters(timeline)).to.equal('');
        expect(starts(kinesis, 3)).to.deep.equal([['AT_TIMESTAMP', 0]]);
      }),
    );

    it(
      'reads all of a shard that appears later',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: '', 1: { createdAtMs: 20, records: [{ data: 'a', atMs: 30 }] } } });
        const timeline = timelineOf(texts(kinesis, { startFrom: 'LATEST', discoveryIntervalMs: 100 }), 150);
        flush();
        expect(letters(timeline)).to.equal('a');
      }),
    );
  });

  it(
    'begins at the oldest record of a child whose parent is read on from a checkpoint, whatever the Date',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab|-------^', 1: { parents: [0], records: '----cd----^--e' } } });
      const config = { startFrom: new Date(0), store: storeWith({ 0: '1' }) };
      const texts$ = kinesisStream(fastReading(kinesis, config)).pipe(mergeShards((shard) => shard.pipe(map(textOf))));
      const timeline = timelineOf(texts$, 60);
      flush();
      expect(letters(timeline)).to.equal('bcde');
    }),
  );

  it(
    'begins at a Date, also in shards that are closed and in children',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({
        shards: {
          0: 'ab--c|----^',
          1: {
            parents: [0],
            records: [
              { data: 'd', atMs: -4 },
              { data: 'e', atMs: 5 },
            ],
          },
        },
      });
      const timeline = timelineOf(texts(kinesis, { startFrom: new Date(-7) }), 40);
      flush();
      expect(letters(timeline)).to.equal('cde');
      expect(starts(kinesis, 0)).to.deep.equal([['AT_TIMESTAMP', -7]]);
    }),
  );

  it(
    'begins at the oldest record with TRIM_HORIZON',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' }, trims: [{ shard: 0, through: 'a' }] });
      const timeline = timelineOf(texts(kinesis), 20);
      flush();
      expect(letters(timeline)).to.equal('bc');
    }),
  );

  describe('with a shard that cannot be opened', () => {
    /** Reads `a` or `b` of two shards; the store fails for the first. */
    function failingFor(shardNumber: number, error: () => unknown, times: number): CheckpointStore {
      const inner = memoryCheckpoints();
      let left = times;
      return {
        read: (shard) => {
          if (numberOf(shard) === shardNumber && left-- > 0) throw error();
          return inner.read(shard);
        },
        write: (checkpoint, shard) => inner.write(checkpoint, shard),
      };
    }

    it(
      'lets it fail by itself when its checkpoint is malformed: the others are read',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^', 1: 'b^' } });
        const inner = memoryCheckpoints();
        const malformed = { ...identityOf(0), sequenceNumber: '0x12', subSequenceNumber: 0 };
        const store: CheckpointStore = { ...inner, read: (shard) => (numberOf(shard) === 0 ? [malformed] : inner.read(shard)) };
        const errors: unknown[] = [];
        const stream$ = kinesisStream(fastReading(kinesis, { store })).pipe(
          mergeMap((shard) =>
            shard.pipe(
              catchError((error: unknown) => {
                errors.push(error);
                return [];
              }),
            ),
          ),
          map(textOf),
        );
        const timeline = timelineOf(stream$, 40);
        flush();
        expect(timeline).to.deep.equal(['3 b']);
        expect(errors).to.have.length(1);
        expect(errors[0]).to.satisfy(isInvalidValue);
        expect((errors[0] as Error).message).to.include('stream/shardId-000000000000');
      }),
    );

    it(
      'opens it when it is subscribed again, and then reads it from its checkpoint',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^', 1: 'b^' } });
        const events: KinesisEvent[] = [];
        const store = failingFor(0, () => Object.assign(new Error('no'), { name: 'AccessDeniedException' }), 3);
        const timeline = timelineOf(texts(kinesis, { store, events: { next: (event) => void events.push(event) } }), 60);
        flush();
        expect(timeline).to.deep.equal(['3 b', '13 a']);
        const started = events.filter((event) => event.type === 'shardStarted');
        expect(started.map((event) => [numberOf(event), event.start])).to.deep.equal([
          [1, 'TRIM_HORIZON'],
          [0, 'TRIM_HORIZON'],
        ]);
      }),
    );

    it(
      'tries a fault that passes again within the retries, with an event for each',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^' } });
        const events: KinesisEvent[] = [];
        const store = failingFor(0, () => Object.assign(new Error('slow down'), { name: 'ProvisionedThroughputExceededException' }), 2);
        const timeline = timelineOf(texts(kinesis, { store, events: { next: (event) => void events.push(event) } }), 200);
        flush();
        // 50 ms: half of the bound. The stream asked the store once by itself, beside the shard.
        expect(timeline).to.deep.equal(['53 a']);
        const retries = events.filter((event) => event.type === 'storeRetry');
        expect(retries.map(({ reason, attempt, delayMs }) => [reason, attempt, delayMs])).to.deep.equal([
          ['throttling', 1, 50],
          ['throttling', 1, 50],
        ]);
      }),
    );

    it(
      'lets its children begin when it is done already, as it turns out',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a--|--^', 1: { parents: [0], records: [{ data: 'b', atMs: -1 }] } } });
        const done = storeWith({ 0: 'SHARD_END' });
        let isDown = true;
        const store: CheckpointStore = {
          ...done,
          read: (shard) => {
            if (isDown && numberOf(shard) === 0) throw Object.assign(new Error('no'), { name: 'AccessDeniedException' });
            return done.read(shard);
          },
        };
        timer(15).subscribe(() => (isDown = false));
        const timeline = timelineOf(texts(kinesis, { store }), 60);
        flush();
        expect(timeline).to.deep.equal(['23 b']);
      }),
    );

    it(
      'passes over it, with LATEST, when it is closed, as soon as it can be opened: its children begin at the pinned moment',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({
          shards: {
            0: 'a--|--^',
            1: {
              parents: [0],
              records: [
                { data: 'b', atMs: -1 },
                { data: 'c', atMs: 1 },
              ],
            },
          },
        });
        const store = failingFor(0, () => Object.assign(new Error('no'), { name: 'AccessDeniedException' }), 2);
        const timeline = timelineOf(texts(kinesis, { store, startFrom: 'LATEST' }), 60);
        flush();
        expect(letters(timeline)).to.equal('c');
      }),
    );
  });

  it(
    'begins anew at the checkpoint in a second subscription: what was settled does not come again',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab^ 49ms c' } });
      const config = fastReading(kinesis, { store: memoryCheckpoints() });
      const stream$ = kinesisStream(config).pipe(
        mergeShards((shard) => shard.pipe(bufferTime(5), withSequenceRanges(), checkpointEvery(10))),
        mergeMap((block) => block.records),
        map(textOf),
      );
      const once$ = stream$.pipe(takeUntil(timer(40)));
      const timeline = timelineOf(concat(once$, of('|'), once$));
      flush();
      expect(letters(timeline)).to.equal('ab|ccomplete');
    }),
  );

  it(
    'errors with a ShardReadError that names the shard and the last record when reading fails for good',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab^' }, faults: [{ method: 'getRecords', error: 'AccessDeniedException', fromMs: 10 }] });
      const errors: unknown[] = [];
      kinesisStream(fastReading(kinesis))
        .pipe(mergeMap((shard) => shard))
        .subscribe({ error: (error: unknown) => errors.push(error) });
      flush();
      const [error] = errors;
      if (!isShardReadError(error)) throw new Error('expected a ShardReadError');
      expect(error).to.deep.include({ retriable: false, streamName: 'stream', shardId: 'shardId-000000000000' });
      expect(error.position).to.include({ sequenceNumber: '2', subSequenceNumber: 0 });
    }),
  );
});
