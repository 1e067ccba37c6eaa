import { expect } from 'chai';
import {
  bufferTime,
  concat,
  concatMap,
  delay,
  EMPTY,
  ignoreElements,
  lastValueFrom,
  map,
  mergeMap,
  of,
  take,
  tap,
  throwError,
  timer,
  type Observable,
  type ObservableInput,
} from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { Shard } from '../../lib/shards/shard.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards, type MergeShardsConfig } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { isOutOfOrder } from '../../lib/ledger/errors.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { fastReading, numberOf, textOf, textsOf } from '../support/fast-reading.js';
import { handMadeShard, recordsOf } from '../support/hand-made-shard.js';
import { rejectionOf } from '../support/promises.js';
import { recordingStore } from '../support/recording-store.js';
import { spiedScheduler } from '../support/spied-scheduler.js';
import { timelineOf } from '../support/timeline.js';

const stream = (kinesis: FakeKinesis, config: Partial<KinesisStreamConfig> = {}) => kinesisStream(fastReading(kinesis, config));
const words = (timeline: readonly string[]): string[] => timeline.map((line) => line.split(' ').slice(1).join(' '));
/** No jitter: each delay is its bound. */
const fixed: Pick<MergeShardsConfig, 'random'> = { random: () => 1 };

describe('mergeShards', () => {
  it(
    'does not start again after records out of order: the watermark may be past one that was not worked on',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcde^' } });
      const errors: unknown[] = [];
      stream(kinesis, { store: memoryCheckpoints() })
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              // b comes after all others.
              mergeMap((record) => of(record).pipe(delay(textOf(record) === 'b' ? 20 : 1))),
              bufferTime(5),
              withSequenceRanges(),
              checkpointEvery(1),
            ),
          ),
        )
        .subscribe({ error: (error: unknown) => errors.push(error) });
      flush();
      expect(errors.map(isOutOfOrder)).to.deep.equal([true]);
    }),
  );

  it(
    'does not wait for the end of a back-off when the shard is to stop',
    marbles(({ scheduler, expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^' } });
      const fail = (shard: Shard) => shard.pipe(mergeMap(() => throwError(() => new Error('always'))));
      const failing = mergeShards(fail, { ...fixed, restart: { initialDelayMs: 60_000 } });
      expectObservable(stream(kinesis, { stop: timer(100, scheduler) }).pipe(failing)).toBe('100ms |');
    }),
  );

  it('takes every kind of ObservableInput from project', async () => {
    const kinds: ReadonlyArray<() => ObservableInput<string>> = [
      () => of('a'),
      () => ['a'],
      () => 'a',
      () => Promise.resolve('a'),
      async function* () {
        yield 'a';
      },
      () => new Set(['a']),
    ];
    for (const kind of kinds) {
      const values: string[] = [];
      await new Promise<void>((complete, error) => {
        of(handMadeShard(EMPTY))
          .pipe(mergeShards(kind))
          .subscribe({ next: (value) => values.push(value), complete, error });
      });
      expect(values).to.deep.equal(['a']);
    }
  });

  describe('when a pipeline fails', () => {
    it(
      'goes on with the other shards, and starts the one again (regression: an error of one shard ended all)',
      marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
        const a = cold('     -a--#              ');
        const b = cold('     --b---c---d---e---|');
        const shards = hot(' (ab|)              ', { a: handMadeShard(a, 0), b: handMadeShard(b, 1) });
        const aSubs = ['     ^---!              ', '---------^--!       '];
        const unsub = '      ^-----------!      ';
        const expected = '   -ab---c---(da)     ';

        const config = { restart: { initialDelayMs: 5, maxDelayMs: 1_000 }, ...fixed };
        expectObservable(shards.pipe(mergeShards(recordsOf, config)), unsub).toBe(expected);
        expectSubscriptions(a.subscriptions).toBe(aSubs);
      }),
    );

    it(
      'calls project anew for each start',
      marbles(({ cold, expectObservable }) => {
        let starts = 0;
        const shards = cold('a|', { a: handMadeShard(EMPTY) });
        const project = () => (starts++ < 2 ? cold('-#') : cold('-x|'));
        expectObservable(shards.pipe(mergeShards(project, { restart: { initialDelayMs: 2 }, ...fixed }))).toBe('---------x|');
      }),
    );

    it(
      'backs off exponentially with full jitter, at most maxDelayMs',
      marbles(({ cold, scheduler, flush }) => {
        const starts: number[] = [];
        const dice = [1, 0.5, 0, 1, 1];
        const failing = (): Observable<never> => {
          starts.push(scheduler.now());
          return throwError(() => new Error('handler'));
        };
        const config = { restart: { maxRestarts: 5, initialDelayMs: 100, maxDelayMs: 700 }, random: () => dice.shift()! };
        const timeline = timelineOf(cold('(a|)', { a: handMadeShard(EMPTY) }).pipe(mergeShards(failing, config)));
        flush();
        // 100, half of 200, nothing of 400, 700 instead of 800, 700.
        expect(starts).to.deep.equal([0, 100, 200, 200, 900, 1_600]);
        expect(timeline).to.have.length(1);
      }),
    );

    it(
      'errors when the restarts are used up, and ends all',
      marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
        const a = cold('     --#');
        const b = cold('     -b--------------');
        const shards = hot(' (ab)', { a: handMadeShard(a, 0), b: handMadeShard(b, 1) });
        const bSubs = '      ^---------!';
        const config = { restart: { maxRestarts: 2, initialDelayMs: 2, maxDelayMs: 2 }, ...fixed };

        expectObservable(shards.pipe(mergeShards(recordsOf, config))).toBe('-b--------#');
        expectSubscriptions(b.subscriptions).toBe(bSubs);
      }),
    );

    it('refuses a promise of a pipeline, which an async function returns, at once; a promise of a value is one', async () => {
      const ofShard = <T>(project: (shard: Shard) => Promise<T>) => lastValueFrom(of(handMadeShard(of('a'))).pipe(mergeShards(project)));
      const error = await rejectionOf(() => ofShard((shard) => Promise.resolve(shard)));
      expect(error)
        .to.satisfy(isInvalidConfig)
        .and.to.have.property('message', 'mergeShards: project returned a promise of a pipeline: leave out async');
      expect(await ofShard(() => Promise.resolve(7))).to.equal(7);
    });

    it(
      'has no restart with maxRestarts 0',
      marbles(({ cold, expectObservable }) => {
        expectObservable(cold('a', { a: handMadeShard(cold('-#')) }).pipe(mergeShards(recordsOf, { restart: { maxRestarts: 0 } }))).toBe(
          '-#',
        );
      }),
    );

    it(
      'counts the restarts of the last resetAfterMs only',
      marbles(({ cold, flush }) => {
        const shard = handMadeShard(cold('101ms #'));
        const count = (resetAfterMs: number): string[] => {
          const timeline = timelineOf(
            cold('a', { a: shard }).pipe(mergeShards(recordsOf, { restart: { maxRestarts: 3, initialDelayMs: 0, resetAfterMs } })),
            2_000,
          );
          flush();
          return timeline;
        };
        // Four errors take 303 ms.
        expect(count(303)).to.deep.equal([]);
        expect(words(count(304))).to.deep.equal(['error error']);
        expect(words(count(Infinity))).to.deep.equal(['error error']);
      }),
    );

    it(
      'counts the restarts of each shard for itself',
      marbles(({ cold, expectObservable }) => {
        let failures = 0;
        const flaky = (shard: Shard) => (failures++ < 4 ? throwError(() => new Error('handler')) : of(numberOf(shard)));
        const shards = cold('(ab|)', { a: handMadeShard(EMPTY, 0), b: handMadeShard(EMPTY, 1) });
        const config = { restart: { maxRestarts: 2, initialDelayMs: 1 }, ...fixed };
        expectObservable(shards.pipe(mergeShards(flaky, config))).toBe('---(ab|)', { a: 0, b: 1 });
      }),
    );

    it(
      'tells of each restart',
      marbles(({ flush }) => {
        const events: KinesisEvent[] = [];
        const kinesis = fakeKinesis({ shards: { 0: 'a^' } });
        const failure = new Error('handler');
        let starts = 0;
        const project = (shard: Shard) => (starts++ === 0 ? throwError(() => failure) : shard.pipe(map(textOf)));
        const timeline = timelineOf(
          stream(kinesis, { events: { next: (event) => void events.push(event) } }).pipe(
            mergeShards(project, { restart: { initialDelayMs: 20 }, random: () => 0.5 }),
          ),
          50,
        );
        flush();
        expect(timeline).to.deep.equal(['13 a']);
        expect(events.filter(({ type }) => type === 'shardRestarted')).to.deep.equal([
          { at: 1, type: 'shardRestarted', streamName: 'stream', shardId: toShardId(0), attempt: 1, delayMs: 10, error: failure },
        ]);
      }),
    );

    it(
      'reads on at the watermark: what was not settled comes again, nothing is lost, the checkpoint never passes it',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^--------cd--------ef------------------------------g|' } });
        const store = recordingStore();
        const done: string[] = [];
        let failures = 1;
        const project = (shard: Shard) =>
          shard.pipe(
            bufferTime(5),
            withSequenceRanges(),
            concatMap((block) =>
              textsOf(block.records).includes('c') && failures-- > 0 ? throwError(() => new Error('handler')) : of(block).pipe(delay(3)),
            ),
            tap((block) => done.push(textsOf(block.records))),
            checkpointEvery(10),
          );
        timelineOf(stream(kinesis, { store }).pipe(mergeShards(project, { restart: { initialDelayMs: 20 }, ...fixed })), 200);
        flush();
        expect(done.join('')).to.equal('abcdefg');
        expect(store.kept.map((line) => line.split(' ')[1]).at(-1)).to.equal('SHARD_END');
      }),
    );
  });

  describe('with concurrency', () => {
    it(
      'works on so many shards at once; others wait',
      marbles(({ cold, hot, expectObservable, expectSubscriptions }) => {
        const a = cold('     ---a|          ');
        const b = cold('     ---b|          ');
        const c = cold('         ---c|      ');
        const shards = hot(' (abc|)', { a: handMadeShard(a, 0), b: handMadeShard(b, 1), c: handMadeShard(c, 2) });
        const cSubs = '      ----^---!      ';

        expectObservable(shards.pipe(mergeShards(recordsOf, { concurrency: 2 }))).toBe('---(ab)c|');
        expectSubscriptions(c.subscriptions).toBe(cSubs);
      }),
    );
  });

  describe('when a lease is lost', () => {
    it(
      'unsubscribes the pipeline at once, without an error',
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const lost = cold('  -----x', { x: undefined });
        const a = cold('     -a-b-c-d-e');
        const subs = '       ^----!';
        const shards = cold('(a|)', { a: handMadeShard(a, 0, lost) });
        expectObservable(shards.pipe(mergeShards((shard) => recordsOf(shard).pipe(delay(1))))).toBe('--a-b|');
        expectSubscriptions(a.subscriptions).toBe(subs);
      }),
    );

    it(
      'does not subscribe the pipeline when that was before',
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const a = cold('-a');
        const shards = cold('(a|)', { a: handMadeShard(a, 0, of(undefined)) });
        expectObservable(shards.pipe(mergeShards(recordsOf))).toBe('(|)');
        expectSubscriptions(a.subscriptions).toBe([]);
      }),
    );

    it(
      'does not start again when that is during the back-off',
      marbles(({ cold, expectObservable }) => {
        const shards = cold('(a|)', { a: handMadeShard(cold('-#'), 0, cold('---x', { x: undefined })) });
        expectObservable(shards.pipe(mergeShards(recordsOf, { restart: { initialDelayMs: 10 }, ...fixed }))).toBe('---|');
      }),
    );

    it(
      'does not take a leaseLost$ that completes for a loss',
      marbles(({ cold, expectObservable }) => {
        const shards = cold('(a|)', { a: handMadeShard(cold('-a-b|'), 0, EMPTY) });
        expectObservable(shards.pipe(mergeShards(recordsOf))).toBe('-a-b|');
      }),
    );
  });

  describe('with the children of a shard', () => {
    const split = { 0: 'a^--|', 1: { parents: [0], records: '----b' } };

    it(
      'lets them start when its pipeline has completed, not only its blocks are settled: what stands behind checkpointEvery counts',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: split });
        const store = recordingStore();
        const project = (shard: Shard) =>
          shard.pipe(
            bufferTime(5),
            withSequenceRanges(),
            checkpointEvery(5),
            map((block) => textsOf(block.records)),
            (texts$) => concat(texts$, timer(100).pipe(ignoreElements())),
          );
        const timeline = timelineOf(stream(kinesis, { store }).pipe(mergeShards(project)), 300);
        flush();
        expect(words(timeline)).to.deep.equal(['a', 'b']);
        const end = store.kept.find((line) => line.endsWith('SHARD_END'))!;
        expect(Number.parseInt(end)).to.be.at.least(113);
        expect(kinesis.callsOf('getShardIterator', 1)[0]!.atMs).to.be.at.least(113);
      }),
    );

    it(
      'does not let them start while the pipeline restarts',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: split });
        const project = (shard: Shard) =>
          numberOf(shard) === 0
            ? concat(
                shard.pipe(map(textOf)),
                throwError(() => new Error('at the end')),
              )
            : shard.pipe(map(textOf));
        const timeline = timelineOf(
          stream(kinesis).pipe(mergeShards(project, { restart: { maxRestarts: 100, initialDelayMs: 50, maxDelayMs: 50 }, ...fixed })),
          400,
        );
        flush();
        expect(new Set(words(timeline))).to.deep.equal(new Set(['a']));
      }),
    );

    it(
      'lets them start although the pipeline left the shard early, but the checkpoint does not pass what it did not see',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'abcdef^' } });
        const store = memoryCheckpoints();
        const project = (shard: Shard) =>
          shard.pipe(
            take(2),
            bufferTime(5),
            withSequenceRanges(),
            checkpointEvery(5),
            map((block) => textsOf(block.records)),
          );
        const first = timelineOf(stream(kinesis, { store, stop: timer(50) }).pipe(mergeShards(project)));
        flush();
        const second = timelineOf(stream(kinesis, { store, stop: timer(50) }).pipe(mergeShards(project)));
        flush();
        expect([words(first), words(second)]).to.deep.equal([
          ['ab', 'complete'],
          ['cd', 'complete'],
        ]);
      }),
    );
  });

  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const opaque = {
    get ranges() {
      throw new Error('ranges');
    },
  };
  for (const [what, value] of Object.entries({ 'an array in itself': cyclic, 'an object that cannot be inspected': opaque }))
    it(
      `passes on ${what}, and reads the shards to their ends all the same`,
      marbles(({ flush }) => {
        const store = recordingStore();
        const seen: unknown[] = [];
        const shards$ = stream(fakeKinesis({ shards: { 0: 'a|', 1: { parents: [0], records: '--b|' } } }), { store, stop: timer(5_000) });
        const project = (shard: Shard) =>
          shard.pipe(
            bufferTime(5),
            withSequenceRanges(),
            checkpointEvery(5),
            map(() => value),
          );
        shards$
          .pipe(mergeShards(project))
          .subscribe({ next: (passed) => seen.push(passed === value), error: (error: unknown) => seen.push(error) });
        flush();
        expect(seen).to.deep.equal([true, true]);
        expect(store.kept.filter((line) => line.endsWith('SHARD_END'))).to.have.length(2);
      }),
    );

  it(
    'keeps its time by the scheduler it is given',
    marbles(({ cold, scheduler, flush }) => {
      const { spied, delaysMs } = spiedScheduler(scheduler);
      timelineOf(
        cold('a', { a: handMadeShard(throwError(() => new Error('handler'))) }).pipe(
          mergeShards(recordsOf, { restart: { maxRestarts: 2, initialDelayMs: 33 }, ...fixed, scheduler: spied }),
        ),
      );
      flush();
      expect(delaysMs).to.deep.equal([33, 66]);
    }),
  );

  describe('with a config that cannot work', () => {
    const bad: Record<string, [MergeShardsConfig, RegExp]> = {
      'a concurrency of 0': [{ concurrency: 0 }, /concurrency: expected a whole number from 1 up, got 0/],
      'half a shard': [{ concurrency: 1.5 }, /concurrency.*got 1.5/],
      'negative restarts': [{ restart: { maxRestarts: -1 } }, /restart.maxRestarts.*got -1/],
      'a negative delay': [{ restart: { initialDelayMs: -1 } }, /restart.initialDelayMs.*got -1/],
      'an endless delay': [{ restart: { maxDelayMs: Infinity } }, /restart.maxDelayMs.*got Infinity/],
      'a delay that is no number': [{ restart: { resetAfterMs: NaN } }, /restart.resetAfterMs.*got NaN/],
    };
    for (const [name, [config, message]] of Object.entries(bad)) {
      it(`refuses when called: ${name}`, () => {
        expect(() => mergeShards(recordsOf, config))
          .to.throw(message)
          .that.satisfies(isInvalidConfig);
      });
    }
  });
});
