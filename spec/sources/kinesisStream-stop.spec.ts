import { expect } from 'chai';
import {
  bufferTime,
  catchError,
  concatMap,
  delay,
  EMPTY,
  filter,
  ignoreElements,
  map,
  merge,
  mergeMap,
  of,
  skip,
  Subject,
  take,
  throwError,
  timer,
  type Observable,
  type OperatorFunction,
} from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { Shard } from '../../lib/shards/shard.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { fastReading, manyLetters, numberOf, textOf, textsOf } from '../support/fast-reading.js';
import { deafLeases, fakeLeases } from '../support/fake-leases.js';
import { checkpointOf } from '../support/kept-checkpoints.js';
import { recordingStore } from '../support/recording-store.js';
import { timelineOf } from '../support/timeline.js';

const toTexts = map((block: Block) => textsOf(block.records));
const work = (ms: number): OperatorFunction<Block, Block> => concatMap((block) => of(block).pipe(delay(ms)));
const letters = (timeline: readonly string[]): string => timeline.map((line) => line.split(' ')[1]).join(' ');

function stream(kinesis: FakeKinesis, config: Partial<KinesisStreamConfig>): Observable<Shard> {
  return kinesisStream(fastReading(kinesis, config));
}

/** Both ways to run a pipeline for each shard. */
const mergings: Record<string, (project: (shard: Shard) => Observable<string>) => OperatorFunction<Shard, string>> = {
  mergeShards: (project) => mergeShards(project),
  mergeMap: (project) => mergeMap(project),
};

describe('kinesisStream, when stop fires,', () => {
  it(
    'by the event of a block that is opened, works on that block first, also behind mergeShards',
    marbles(({ flush }) => {
      const events = new Subject<KinesisEvent>();
      const stop = events.pipe(
        filter(({ type }) => type === 'blockOpened'),
        skip(1),
      );
      const store = memoryCheckpoints();
      const timeline = timelineOf(
        stream(fakeKinesis({ shards: { 0: 'a^-----------------------------b' } }), { store, events, stop }).pipe(
          mergeShards((shard) => shard.pipe(bufferTime(10), withSequenceRanges())),
          work(5),
          checkpointEvery(1_000),
          toTexts,
        ),
      );
      flush();
      expect(letters(timeline)).to.equal('a b complete');
      expect(checkpointOf(store)).to.equal('2');
    }),
  );

  for (const [name, merging] of Object.entries(mergings)) {
    describe(`(${name})`, () => {
      it(
        'completes the shards, drains the pipelines, writes the last checkpoints, releases the leases, and only then completes',
        marbles(({ scheduler, flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'ab^----------------c' } });
          const store = fakeLeases({ scheduler, latencyMs: 3 });
          const stream$ = stream(kinesis, { store, stop: timer(31) }).pipe(
            merging((shard) => shard.pipe(bufferTime(100), withSequenceRanges(), work(20), checkpointEvery(1_000), toTexts)),
          );
          const timeline = timelineOf(stream$);
          flush();

          // At 31 the buffer is flushed, worked on until 51, written until 54 and released until 57.
          expect(timeline).to.deep.equal(['51 abc', '57 complete']);
          expect(store.log).to.deep.equal(['4 take 0', '54 write 0 3', '57 release 0']);
          expect(kinesis.inFlight).to.equal(0);
        }),
      );

      it(
        'lets a restart begin exactly after what was done: nothing twice, nothing lost',
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({
            shards: { 0: manyLetters(40, 0).replace(/(.{2})/gu, '$1---'), 1: manyLetters(40, 40).replace(/(.)/gu, '-$1-') },
          });
          const store = memoryCheckpoints();
          const seen: string[] = [];
          const run = (stopMs: number, untilMs = Infinity): void =>
            void timelineOf(
              stream(kinesis, { store, stop: timer(stopMs) }).pipe(
                merging((shard) => shard.pipe(bufferTime(15), withSequenceRanges(), work(7), checkpointEvery(40), toTexts)),
                map((text) => seen.push(text)),
              ),
              untilMs,
            );
          run(43);
          timer(90).subscribe(() => run(37));
          timer(200).subscribe(() => run(100));
          flush();

          const all = [...seen.join('')].sort();
          expect(all.join('')).to.equal(manyLetters(80));
        }),
      );

      it(
        'waits for work that takes long',
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'ab^' } });
          const store = memoryCheckpoints();
          const stream$ = stream(kinesis, { store, stop: timer(10), stopTimeoutMs: 100_000 }).pipe(
            merging((shard) => shard.pipe(bufferTime(5), withSequenceRanges(), work(60_000), checkpointEvery(10), toTexts)),
          );
          const timeline = timelineOf(stream$);
          flush();
          expect(letters(timeline)).to.equal('ab complete');
          expect(checkpointOf(store)).to.equal('2');
        }),
      );

      it(
        'lets recoverFrom bring back first what is lost, then releases',
        marbles(({ scheduler, flush }) => {
          const kinesis = fakeKinesis({
            shards: { 0: 'ab^----------cd' },
            faults: [{ method: 'getRecords', error: 'InternalFailureException', fromMs: 20, untilMs: 30 }],
          });
          const store = fakeLeases({ scheduler, latencyMs: 0 });
          const stream$ = stream(kinesis, { store, stop: timer(26), retry: { maxRetries: 0 } }).pipe(
            merging((shard) =>
              shard.pipe(bufferTime(12), withSequenceRanges(), recoverFrom(store), work(5), checkpointEvery(10_000), toTexts),
            ),
          );
          const timeline = timelineOf(stream$, 60_000);
          flush();
          expect(letters(timeline)).to.equal('ab cd complete');
          expect(store.log.map((line) => line.split(' ').slice(1).join(' '))).to.deep.equal(['take 0', 'write 0 4', 'release 0']);
        }),
      );

      it(
        'completes when a filter has dropped everything',
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'ab^', 1: 'c^|' } });
          const stream$ = stream(kinesis, { store: memoryCheckpoints(), stop: timer(30) }).pipe(
            merging((shard) =>
              shard.pipe(
                filter(() => false),
                bufferTime(5),
                withSequenceRanges(),
                checkpointEvery(10),
                toTexts,
              ),
            ),
          );
          const timeline = timelineOf(stream$, 10_000);
          flush();
          expect(timeline).to.deep.equal(['30 complete']);
        }),
      );

      it(
        'completes when a block was dropped after withSequenceRanges, with the checkpoint before it',
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'a^--------b---------c---------' } });
          const store = memoryCheckpoints();
          const events: KinesisEvent[] = [];
          const stream$ = stream(kinesis, { store, stop: timer(60), events: { next: (event) => void events.push(event) } }).pipe(
            merging((shard) =>
              shard.pipe(
                bufferTime(5),
                withSequenceRanges(),
                filter((block) => textsOf(block.records) !== 'b'),
                checkpointEvery(10_000),
                toTexts,
              ),
            ),
          );
          const timeline = timelineOf(stream$, 10_000);
          flush();
          expect(letters(timeline)).to.equal('a c complete');
          expect(checkpointOf(store)).to.equal('1');
          const held = events.filter((event) => event.type === 'watermarkHeld');
          expect(held.map(({ ranges }) => ranges[0]!.fromSeqNumber)).to.deep.equal(['2']);
        }),
      );

      it(
        'completes the shards that nobody tracks',
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'ab^', 1: 'c^' } });
          const stream$ = stream(kinesis, { store: memoryCheckpoints(), stop: timer(10) }).pipe(
            merging((shard) => shard.pipe(map(textOf))),
          );
          const timeline = timelineOf(stream$, 10_000);
          flush();
          expect(timeline).to.deep.equal(['3 a', '3 b', '3 c', '10 complete']);
        }),
      );

      it(
        'completes when a shard has failed and is not subscribed again',
        marbles(({ flush }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'a^' }, faults: [{ method: 'getRecords', error: 'AccessDeniedException' }] });
          const stream$ = stream(kinesis, { store: memoryCheckpoints(), stop: timer(30) }).pipe(
            merging((shard) =>
              shard.pipe(
                map(textOf),
                catchError(() => of('failed')),
              ),
            ),
          );
          const timeline = timelineOf(stream$, 10_000);
          flush();
          expect(timeline).to.deep.equal(['3 failed', '30 complete']);
        }),
      );
    });
  }

  it(
    'waits for the work of a pipeline that has left its shard early (mergeShards)',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcd^' } });
      const store = fakeLeases({ scheduler });
      const stream$ = stream(kinesis, { store, stop: timer(20) }).pipe(
        mergeShards((shard) => shard.pipe(take(2), bufferTime(5), withSequenceRanges(), work(100), checkpointEvery(10_000), toTexts)),
      );
      const timeline = timelineOf(stream$);
      flush();
      expect(letters(timeline)).to.equal('ab complete');
      expect(store.log.map((line) => line.split(' ').slice(1).join(' '))).to.deep.equal(['take 0', 'write 0 2', 'release 0']);
    }),
  );

  it(
    'reads nothing when that is before anything else',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab^' } });
      const timeline = timelineOf(stream(kinesis, { stop: of(0) }));
      flush();
      expect(timeline).to.deep.equal(['0 complete']);
      expect(kinesis.calls).to.deep.equal([]);
    }),
  );

  it(
    'aborts the listing of the shards that is under way',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab^' }, latencyMs: 10 });
      const timeline = timelineOf(stream(kinesis, { stop: timer(5) }));
      flush();
      expect(timeline).to.deep.equal(['5 complete']);
      expect(kinesis.calls.map(({ aborted }) => aborted)).to.deep.equal([true]);
    }),
  );

  it(
    'completes while the first listing fails',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: {}, faults: [{ error: 'InternalFailureException', times: 1_000 }] });
      const timeline = timelineOf(stream(kinesis, { stop: timer(200) }));
      flush();
      expect(timeline).to.deep.equal(['200 complete']);
    }),
  );

  it(
    'completes while a shard is being opened, although the store does not answer: after a second, in which a store may call other workers',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab^' } });
      const timeline = timelineOf(stream(kinesis, { store: deafLeases, stop: timer(50) }).pipe(mergeShards((shard) => shard)));
      flush();
      expect(timeline).to.deep.equal(['1050 complete']);
    }),
  );

  it(
    'completes while others hold the lease',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab^' } });
      const store = fakeLeases({ scheduler, elsewhere: [0] });
      const timeline = timelineOf(stream(kinesis, { store, stop: timer(50) }).pipe(mergeShards((shard) => shard)));
      flush();
      expect(timeline).to.deep.equal(['50 complete']);
      expect(store.log).to.deep.equal([]);
    }),
  );

  it(
    'releases the lease between its taking and the reading of the checkpoint',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'ab^' } });
      const store = fakeLeases({ scheduler, latencyMs: 10 });
      // Listed at 1, taken at 11, read at 21.
      const timeline = timelineOf(stream(kinesis, { store, stop: timer(15) }).pipe(mergeShards((shard) => shard)));
      flush();
      expect(timeline).to.deep.equal(['25 complete']);
      expect(store.log).to.deep.equal(['11 take 0', '25 release 0']);
      expect(store.held.size).to.equal(0);
    }),
  );

  it(
    'does not wait for shards that were never subscribed',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^', 1: 'b^' } });
      const timeline = timelineOf(stream(kinesis, { store: memoryCheckpoints(), stop: timer(50) }).pipe(map(numberOf)));
      flush();
      expect(timeline).to.deep.equal(['1 0', '1 1', '50 complete']);
    }),
  );

  it(
    'completes with 1 500 shards of which all but one wait for their turn (regression: a queue drained by recursion died silently)',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [i, ''])) });
      const merging = mergeShards((shard) => shard.pipe(bufferTime(100), withSequenceRanges()), { concurrency: 1 });
      const timeline = timelineOf(stream(kinesis, { stop: timer(150) }).pipe(merging));
      flush();
      expect(timeline).to.deep.equal(['150 complete']);
    }),
  );

  it(
    'aborts the read that is under way',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '' }, latencyMs: 20 });
      const timeline = timelineOf(stream(kinesis, { stop: timer(50) }).pipe(mergeShards((shard) => shard)));
      flush();
      expect(timeline).to.deep.equal(['50 complete']);
      expect(kinesis.calls.at(-1)).to.include({ method: 'getRecords', aborted: true, endedAtMs: 50 });
    }),
  );

  it(
    'completes while the reader has no credit, as soon as the work is done',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: `${manyLetters(30)}^` }, maxRecordsPerPage: 10 });
      const store = memoryCheckpoints();
      const stream$ = stream(kinesis, { store, stop: timer(20), maxInFlightRecords: 10 }).pipe(
        mergeShards((shard) => shard.pipe(bufferTime(5), withSequenceRanges(), work(1_000), checkpointEvery(100))),
      );
      const timeline = timelineOf(stream$.pipe(map((block) => block.records.length)));
      flush();
      expect(letters(timeline)).to.equal('10 complete');
      expect(checkpointOf(store)).to.equal('10');
    }),
  );

  describe('during the back-off of a failed shard', () => {
    it(
      'completes, and does not pass what the failed pipeline was given (regression: what it had not settled was taken for dropped)',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab--|--^' } });
        const store = memoryCheckpoints();
        let starts = 0;
        const handlerFails$ = timer(50).pipe(mergeMap(() => throwError(() => new Error('handler'))));
        const failing = mergeShards(
          (shard) =>
            // Both are read, and the end of the shard too, when the pipeline fails before a block is made of them.
            merge(shard.pipe(delay(100)), starts++ === 0 ? handlerFails$ : EMPTY).pipe(
              bufferTime(5),
              withSequenceRanges(),
              checkpointEvery(10),
            ),
          { restart: { initialDelayMs: 10_000 }, random: () => 0.99 },
        );
        const timeline = timelineOf(stream(kinesis, { store, stop: timer(200) }).pipe(failing));
        flush();
        expect(letters(timeline)).to.equal('complete');
        expect(checkpointOf(store)).to.equal(undefined);
      }),
    );

    it(
      'completes when blocks that left the pipeline are settled further down',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({
          shards: { 0: 'ab^' },
          faults: [{ method: 'getRecords', error: 'InternalFailureException', fromMs: 20 }],
        });
        const store = memoryCheckpoints();
        const stream$ = stream(kinesis, { store, stop: timer(200), retry: { maxRetries: 0 } }).pipe(
          mergeShards((shard) => shard.pipe(bufferTime(5), withSequenceRanges()), {
            restart: { initialDelayMs: 10_000 },
            random: () => 0.99,
          }),
          work(300),
          checkpointEvery(10),
          toTexts,
        );
        const timeline = timelineOf(stream$, 60_000);
        flush();
        expect(letters(timeline)).to.equal('ab complete');
      }),
    );
  });

  describe('with the work behind the merged shards', () => {
    const flat = (kinesis: FakeKinesis, config: Partial<KinesisStreamConfig>, keep: (text: string) => boolean = () => true) =>
      stream(kinesis, config).pipe(
        mergeShards((shard) => shard),
        filter((record) => keep(textOf(record))),
        bufferTime(10),
        withSequenceRanges(),
        work(30),
        checkpointEvery(10),
        toTexts,
      );

    it(
      'waits for the blocks on their way, then writes, releases, completes',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^---------c' } });
        const store = fakeLeases({ scheduler, latencyMs: 0 });
        const timeline = timelineOf(flat(kinesis, { store, stop: timer(25) }), 60_000);
        flush();
        expect(letters(timeline)).to.equal('ab c complete');
        expect(store.log.map((line) => line.split(' ').slice(1).join(' '))).to.deep.equal([
          'take 0',
          'write 0 2',
          'write 0 3',
          'release 0',
        ]);
      }),
    );

    it(
      'completes although a filter dropped the last records',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
        const store = memoryCheckpoints();
        const timeline = timelineOf(
          flat(kinesis, { store, stop: timer(25) }, (text) => text < 'b'),
          60_000,
        );
        flush();
        expect(letters(timeline)).to.equal('a complete');
        expect(checkpointOf(store)).to.equal('1');
      }),
    );

    it(
      'does not write the end of a shard before the work behind is done (regression: the records were taken for dropped)',
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^|', 1: { parents: [0], records: '----c' } } });
        const store = recordingStore();
        const timeline = timelineOf(flat(kinesis, { store, stop: timer(200) }), 60_000);
        flush();
        expect(letters(timeline)).to.equal('ab c complete');
        expect(store.kept.map((line) => line.split(' ')[1])).to.deep.equal(['SHARD_END', '3']);
        expect(Number.parseInt(store.kept[0]!)).to.be.at.least(Number.parseInt(timeline[0]!));
      }),
    );
  });

  it(
    'gives a store that fails three more tries',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^|', 1: { parents: [0], createdAtMs: 1 } } });
      const store = recordingStore({ scheduler });
      store.refuse(new Error('down'), 1_000);
      const stream$ = stream(kinesis, { store, stop: timer(5_000) }).pipe(mergeShards((shard) => shard.pipe(ignoreElements())));
      const timeline = timelineOf(stream$);
      flush();

      const writesAfterStop = store.asked.filter((line) => Number.parseInt(line) >= 5_000);
      expect(writesAfterStop).to.have.length(4);
      // Delays of 500, 1 000 and 2 000 ms: half of the bounds. The child has not begun.
      expect(timeline).to.deep.equal(['8500 complete']);
      expect(kinesis.callsOf('getShardIterator', 1)).to.deep.equal([]);
    }),
  );
});
