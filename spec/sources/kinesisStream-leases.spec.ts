import { expect } from 'chai';
import {
  bufferTime,
  concat,
  concatMap,
  delay,
  from,
  ignoreElements,
  interval,
  map,
  merge,
  mergeMap,
  NEVER,
  of,
  Subject,
  take,
  tap,
  throwError,
  timer,
  VirtualTimeScheduler,
} from 'rxjs';
import type { Observable, SchedulerLike } from 'rxjs';
import type { LeasableShard, Lease, LeasingStore } from '../../lib/checkpoints/checkpoint-store.js';
import type { Shard } from '../../lib/shards/shard.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { fakeLeases as tableOf } from '../../lib/testing/leases/fakeLeases.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fastReading, identityOf, numberOf, textOf, textsOf } from '../support/fast-reading.js';
import { isForeignCheckpoint } from '../../lib/checkpoints/errors.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { InvalidConfigError } from '../../lib/values/errors.js';
import { collectGarbage, heldOf } from '../support/collect-garbage.js';
import { fakeLeases, type FakeLeases } from '../support/fake-leases.js';
import { timelineOf } from '../support/timeline.js';
import { untimed } from '../support/untimed.js';

/** A pipeline that works on each block for `workMs` and checkpoints every `intervalMs`. */
const working =
  (workMs: number, intervalMs: number) =>
  (shard: Shard): Observable<string> =>
    shard.pipe(
      bufferTime(5),
      withSequenceRanges(),
      concatMap((block) => of(block).pipe(delay(workMs))),
      checkpointEvery(intervalMs),
      map((block) => textsOf(block.records)),
    );

const stream = (kinesis: FakeKinesis, config: Partial<KinesisStreamConfig>) => kinesisStream(fastReading(kinesis, config));
const verbs = (log: readonly string[]): string[] => log.map((line) => line.split(' ').slice(1).join(' '));

describe('kinesisStream with a store that gives leases', () => {
  it(
    'tells it of the shards in view when they have changed, and not after each listing and grant (regression: a look at the table each time)',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a', 1: 'b' } });
      const inner = fakeLeases({ scheduler });
      const told: number[][] = [];
      const see = tap((shards: readonly LeasableShard[]) => void told.push(shards.map(numberOf)));
      const store: LeasingStore = { ...inner, leases: (shards$, ...rest) => inner.leases(shards$.pipe(see), ...rest) };
      const stop = new Subject<void>();
      stream(kinesis, { store, stop, discoveryIntervalMs: 100 })
        .pipe(mergeShards(working(1, 10)))
        .subscribe();
      timer(1_000).subscribe(() => kinesis.split(0, [2, 3]));
      timer(2_000).subscribe(() => stop.next());
      flush();
      expect(inner.held.size).to.equal(0);
      expect(told[0]).to.have.length(2);
      expect(told.filter((shards) => shards.length === 2)).to.have.length(1);
      expect(told.length).to.be.within(2, 5);
    }),
  );

  it(
    'takes a shard before it reads it, and reads the checkpoint that is there then',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
      // The former owner writes its last checkpoint while this worker waits.
      const store: FakeLeases = fakeLeases({
        scheduler,
        taking: (take, shard) =>
          timer(40).pipe(
            mergeMap(take),
            mergeMap((lease) =>
              (store.write({ ...identityOf(0), sequenceNumber: '2', subSequenceNumber: 0 }, shard) as Observable<unknown>).pipe(
                map(() => lease),
              ),
            ),
          ),
      });
      const timeline = timelineOf(
        stream(kinesis, { store }).pipe(
          mergeMap((shard) => shard),
          map(textOf),
        ),
        100,
      );
      flush();
      expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['c']);
      expect(kinesis.callsOf('getShardIterator')[0]!.atMs).to.be.at.least(42);
    }),
  );

  for (const [firstAheadMs, secondAheadMs] of [
    [0, 0],
    // Kinesis does not know a time that has not come.
    [500, 0],
    [500, 500],
    [300_000, 0],
    [300_000, 300_000],
  ] as const)
    it(
      `with LATEST, loses nothing from one worker to the next, of which the first wrote no checkpoint, with clocks ahead by ${firstAheadMs} and ${secondAheadMs} ms (regression: lost while the worker was restarted)`,
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^ 99ms b 199ms c 300ms d' } });
        const table = tableOf({ scheduler });
        const read = (workerId: string, aheadMs: number) => {
          const clock: SchedulerLike = { now: () => scheduler.now() + aheadMs, schedule: scheduler.schedule.bind(scheduler) };
          const store = table.worker(workerId, { failoverTimeMs: 1_000, events: 'silent' });
          return stream(kinesis, { store, startFrom: 'LATEST', scheduler: clock }).pipe(
            mergeMap((shard) => shard),
            map(textOf),
          );
        };
        const first = timelineOf(read('w1', firstAheadMs), 150);
        const second = timelineOf(timer(1_000).pipe(mergeMap(() => read('w2', secondAheadMs))), 6_000);
        flush();
        const lettersOf = (timeline: readonly string[]) => timeline.map((line) => line.split(' ')[1]).filter((letter) => letter !== 'a');
        expect(lettersOf(first)).to.deep.equal(['b']);
        expect(lettersOf(second)).to.deep.equal(['b', 'c', 'd']);
      }),
    );

  it(
    'gives each shard the fencing token of its tenure',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: '', 1: '' } });
      const store = fakeLeases({ scheduler });
      const timeline = timelineOf(stream(kinesis, { store }).pipe(map((shard) => `${numberOf(shard)}:${shard.fencingToken}`)), 50);
      flush();
      expect(timeline).to.deep.equal(['3 0:1', '3 1:2']);
    }),
  );

  for (const [what, lastCallMs, endsAtMs] of [
    ['lets the store call the other workers when all shards are released', 300, 400],
    ['gives it a second for that', 5_000, 1_100],
  ] as const)
    it(
      what,
      marbles(({ scheduler, flush }) => {
        const store = fakeLeases({ scheduler });
        const calls: string[] = [];
        const lastCall$ = timer(lastCallMs).pipe(
          tap(() => calls.push('called')),
          ignoreElements(),
        );
        const calling: LeasingStore = { ...store, leases: (...args) => concat(store.leases(...args), lastCall$) };
        const timeline = timelineOf(stream(fakeKinesis({ shards: {} }), { store: calling, stop: timer(100) }), 10_000);
        flush();
        expect([timeline, calls]).to.deep.equal([[`${endsAtMs} complete`], lastCallMs === 300 ? ['called'] : []]);
      }),
    );

  it(
    'fails with what the store says for good',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^' } });
      const error = new InvalidConfigError('another table');
      const store = fakeLeases({ scheduler, taking: () => throwError(() => error) });
      const timeline = timelineOf(stream(kinesis, { store }), 50);
      flush();
      expect(timeline).to.have.length(1);
      expect(timeline[0]).to.match(/error/);
    }),
  );

  it(
    'waits for a shard that another worker holds without holding up the others',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^', 1: 'b^' } });
      const store = fakeLeases({ scheduler, elsewhere: [0] });
      const timeline = timelineOf(stream(kinesis, { store }).pipe(mergeShards(working(1, 10))), 100);
      flush();
      expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['b']);
      expect(kinesis.callsOf('getRecords', 0)).to.deep.equal([]);
    }),
  );

  it(
    'takes no lease on a shard that is done, and releases one that turns out to be done',
    marbles(({ scheduler, flush }) => {
      const end = { sequenceNumber: 'SHARD_END', subSequenceNumber: 0 };
      const kinesis = fakeKinesis({ shards: { 0: 'a-|-^', 1: { parents: [0], records: [{ data: 'b', atMs: -1 }] } } });
      const inner = memoryCheckpoints();
      const store = fakeLeases({ scheduler, inner });
      // Done between the grant and the look into the store.
      const lagging: LeasingStore = { ...store, read: (shard) => (numberOf(shard) === 0 ? [{ ...shard, ...end }] : store.read(shard)) };
      const records = (from: LeasingStore): Observable<string> =>
        stream(kinesis, { store: from }).pipe(
          mergeMap((shard) => shard),
          map(textOf),
        );
      const timeline = timelineOf(records(lagging), 40);
      flush();
      expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['b']);
      expect(verbs(store.log).slice(0, 3)).to.deep.equal(['take 0', 'release 0', 'take 1']);

      from(inner.write({ ...identityOf(0), ...end }, identityOf(0))).subscribe();
      const later = timelineOf(records(store), 40);
      flush();
      expect(later).to.have.length(1);
      expect(verbs(store.log).filter((verb) => verb === 'take 0')).to.have.length(1);
    }),
  );

  it(
    'starts the children of a shard that another worker has read to its end',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^-|', 1: { parents: [0], records: '----b' } } });
      const store = fakeLeases({ scheduler, elsewhere: [0] });
      timer(30).subscribe(() => store.end(0));
      const timeline = timelineOf(stream(kinesis, { store }).pipe(mergeShards(working(1, 10))), 100);
      flush();
      expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['b']);
      expect(verbs(store.log)[0]).to.equal('take 1');
    }),
  );

  for (const [shows, endMs, shardStart] of [
    ['a listing shows it as closed', 90, undefined],
    ['its checkpoint is of that shard', 31, '0'],
  ] as const)
    it(
      `starts the children of a shard that is said to have ended only when ${shows}`,
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^ 80ms |', 1: { parents: [0], createdAtMs: -1, records: 'b^' } } });
        const store = fakeLeases({ scheduler, elsewhere: [0] });
        timer(30).subscribe(() => store.end(0, shardStart));
        const config = { store, discoveryIntervalMs: 60 };
        const timeline = timelineOf(stream(kinesis, config).pipe(mergeShards(working(1, 10))), 200);
        flush();
        const [first] = timeline.map((line) => line.split(' '));
        expect(first![1]).to.equal('b');
        expect(Number(first![0])).to.be.within(endMs, endMs + 20);
      }),
    );

  for (const [discoveryIntervalMs, closedAtMs, readByMs] of [
    [60, 80, 200],
    [1_000, 8_000, 10_000],
    // Then nobody else would list the shards again.
    [Infinity, 8_000, 14_000],
  ] as const)
    it(
      `takes no shard for another that listings show as open for ${closedAtMs} ms, however many of them ends elsewhere bring about, with one each ${discoveryIntervalMs} ms`,
      marbles(({ scheduler, flush }) => {
        const closes = (letter: string): string => `${letter}^ ${closedAtMs}ms |`;
        const child = { parents: [0, 1, 2], createdAtMs: -1, records: 'd^' };
        const kinesis = fakeKinesis({ shards: { 0: closes('a'), 1: closes('b'), 2: closes('c'), 3: child } });
        const store = fakeLeases({ scheduler, elsewhere: [0, 1, 2] });
        [0, 1, 2].forEach((shard) => timer(30 + 5 * shard).subscribe(() => store.end(shard)));
        const timeline = timelineOf(stream(kinesis, { store, discoveryIntervalMs }).pipe(mergeShards(working(1, 10))), readByMs);
        flush();
        expect(kinesis.callsOf('listShards').length).to.be.above(4);
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['d']);
      }),
    );

  for (const [what, shardStart, toldAtMs] of [
    // A listing may lag.
    ['that listings show as open for half a minute', undefined, 30_030],
    ['whose checkpoint is of a shard that began elsewhere', '777', 30],
  ] as const)
    it(
      `ends with a ForeignCheckpointError when a row says SHARD_END for a shard ${what}: the stream was made again, or it is another's table`,
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^ 80ms -', 1: { parents: [0], createdAtMs: -1, records: 'b^' } } });
        const store = fakeLeases({ scheduler, elsewhere: [0] });
        timer(30).subscribe(() => store.end(0, shardStart));
        const errors: unknown[] = [];
        stream(kinesis, { store, discoveryIntervalMs: 60 })
          .pipe(mergeShards(working(1, 10)))
          .subscribe({ next: (text) => errors.push(text), error: (error: unknown) => errors.push(error, scheduler.now()) });
        flush();
        expect(errors[0]).to.satisfy(isForeignCheckpoint);
        expect(errors[1]).to.be.within(toldAtMs, toldAtMs + 70);
        expect(kinesis.callsOf('getRecords')).to.deep.equal([]);
      }),
    );

  it(
    'releases at stop what was granted and not started',
    marbles(({ scheduler, flush }) => {
      // Granted although its parent is read elsewhere: the shard waits, and its lease with it.
      const kinesis = fakeKinesis({ shards: { 0: 'a^', 1: { parents: [0], createdAtMs: -1, records: 'b^' } } });
      const store = fakeLeases({ scheduler, elsewhere: [0, 1] });
      timer(20).subscribe(() => store.give(1));
      const timeline = timelineOf(stream(kinesis, { store, stop: timer(50) }).pipe(map(numberOf)));
      flush();
      expect(timeline).to.deep.equal(['51 complete']);
      expect(verbs(store.log)).to.deep.equal(['take 1', 'release 1']);
    }),
  );

  describe('when a lease is lost', () => {
    it(
      'emits leaseLost$, completes the shard, aborts its request, and writes nothing more',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({
          shards: { 0: 'ab^', 1: 'c^' },
          faults: [{ method: 'getRecords', shard: 0, latencyMs: 500, fromMs: 40 }],
        });
        const store = fakeLeases({ scheduler });
        const notes: string[] = [];
        const events: KinesisEvent[] = [];
        const note = (text: string) => () => void notes.push(`${scheduler.now()} ${text}`);
        const watched = (shard: Shard): Shard => {
          shard.leaseLost$.subscribe({ next: note('lost'), complete: note('lost$ completes') });
          return shard.pipe(tap({ complete: note('completes') })) as Shard;
        };
        const stream$ = stream(kinesis, { store, events: { next: (event) => void events.push(event) } }).pipe(
          mergeMap((shard) => working(60, 1_000)(numberOf(shard) === 0 ? watched(shard) : shard)),
        );
        timer(50).subscribe(() => store.lose(0));
        const timeline = timelineOf(stream$, 2_000);
        flush();

        expect(notes).to.have.members(['50 completes', '50 lost', '50 lost$ completes']);
        expect(kinesis.callsOf('getRecords', 0).at(-1)).to.include({ aborted: true, endedAtMs: 50 });
        // The work in hand goes on under mergeMap, but it is not settled for anyone.
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['ab', 'c']);
        expect(verbs(store.log).filter((verb) => verb.endsWith(' 0') || verb.includes(' 0 '))).to.deep.equal(['take 0', 'lose 0']);
        expect(untimed(events)).to.deep.include({
          type: 'shardReleased',
          streamName: 'stream',
          shardId: 'shardId-000000000000',
          reason: 'lost',
        });
      }),
    );

    it(
      'unsubscribes the pipeline at once under mergeShards: no error, no restart, the others go on',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^', 1: 'c^' } });
        const store = fakeLeases({ scheduler });
        const aborted: string[] = [];
        const events: string[] = [];
        const stream$ = stream(kinesis, { store, events: { next: ({ type }: KinesisEvent) => void events.push(type) } }).pipe(
          mergeShards((shard) =>
            working(60, 1_000)(shard).pipe(tap({ unsubscribe: () => aborted.push(`${scheduler.now()} ${numberOf(shard)}`) })),
          ),
        );
        timer(50).subscribe(() => store.lose(0));
        const timeline = timelineOf(stream$, 200);
        flush();
        expect(aborted[0]).to.equal('50 0');
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['c']);
        expect(events).not.to.include('shardRestarted');
        expect(verbs(store.log).filter((verb) => /^(?:write|refuse) 0/.test(verb))).to.deep.equal([]);
      }),
    );

    it(
      'gives the shard up in the same way when it is a write that tells of it',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^-------------------------------b' } });
        // The worker is not told: it learns of it from its write.
        const store = fakeLeases({ scheduler, taking: (take) => take().pipe(map((lease) => ({ ...lease, lost$: NEVER }))) });
        timer(20).subscribe(() => store.lose(0));
        const timeline = timelineOf(stream(kinesis, { store }).pipe(mergeShards(working(1, 30))), 400);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['a']);
        expect(verbs(store.log)).to.deep.equal(['take 0', 'lose 0', 'refuse 0 1']);
        expect(kinesis.callsOf('getRecords').at(-1)!.atMs).to.be.lessThan(60);
      }),
    );

    it(
      'does not emit the shard when that is being opened',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^' } });
        const store = fakeLeases({ scheduler, latencyMs: 10 });
        timer(15).subscribe(() => store.lose(0));
        const timeline = timelineOf(stream(kinesis, { store }).pipe(map(numberOf)), 200);
        flush();
        expect(timeline).to.deep.equal([]);
        expect(verbs(store.log)).to.deep.equal(['take 0', 'lose 0']);
      }),
    );

    it(
      'does not start the children: they are the other worker’s',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^-------------------|', 1: { parents: [0], records: '--------------------b' } } });
        const store = fakeLeases({ scheduler });
        timer(5).subscribe(() => store.lose(0));
        const timeline = timelineOf(stream(kinesis, { store }).pipe(mergeShards(working(1, 5))), 100);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal([]);
      }),
    );

    it(
      'emits the shard anew when the lease can be had again, and reads on after its checkpoint',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^ 100ms c', 1: 'd^' } });
        const store = fakeLeases({ scheduler });
        timer(50).subscribe(() => store.lose(0));
        timer(90).subscribe(() => store.give(0));
        const tokens: (string | undefined)[] = [];
        const work = (shard: Shard): Observable<string> => {
          if (numberOf(shard) === 0) tokens.push(shard.fencingToken);
          return working(1, 10)(shard);
        };
        const timeline = timelineOf(stream(kinesis, { store }).pipe(mergeShards(work)), 200);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['ab', 'd', 'c']);
        expect(tokens).to.deep.equal(['1', '3']);
      }),
    );

    it(
      'does not take an error of lost$ for a loss',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^' } });
        const failing$ = timer(10).pipe(
          map(() => {
            throw new Error('watch');
          }),
        );
        const store = fakeLeases({ scheduler, taking: (take) => take().pipe(map((lease) => ({ ...lease, lost$: failing$ }))) });
        const timeline = timelineOf(stream(kinesis, { store, stop: timer(50) }).pipe(mergeShards(working(1, 5))));
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['a', 'complete']);
      }),
    );
  });

  describe('with a lease that it holds', () => {
    it(
      'releases it after SHARD_END is written, and before the children begin',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^|', 1: { parents: [0], records: '-b' } } });
        const store = fakeLeases({ scheduler, latencyMs: 5 });
        timelineOf(stream(kinesis, { store }).pipe(mergeShards(working(1, 1_000))), 60);
        flush();
        expect(verbs(store.log).slice(0, 5)).to.deep.equal(['take 0', 'write 0 1', 'write 0 SHARD_END', 'release 0', 'take 1']);
      }),
    );

    it(
      'releases it after the last write when the stream is unsubscribed, though nobody waits',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^' } });
        const store = fakeLeases({ scheduler, latencyMs: 5 });
        timelineOf(stream(kinesis, { store }).pipe(mergeShards(working(10, 1_000))), 60);
        flush();
        // The write at 60 and the release behind it take 5 ms each; what runs beside is a timer of 0 ms.
        expect(store.log.slice(-2)).to.deep.equal(['65 write 0 2', '70 release 0']);
        expect(kinesis.inFlight).to.equal(0);
      }),
    );

    it(
      'releases it when the stream is unsubscribed while the shard is being opened',
      marbles(({ scheduler, flush }) => {
        const store = fakeLeases({ scheduler, latencyMs: 10 });
        timelineOf(stream(fakeKinesis({ shards: { 0: '' } }), { store }), 25);
        flush();
        expect(verbs(store.log)).to.deep.equal(['take 0', 'release 0']);
      }),
    );

    it(
      'releases it when an error ends the stream',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^', 1: 'b^' } });
        const store = fakeLeases({ scheduler });
        const failing = mergeShards(
          (shard) =>
            shard.pipe(
              map(() => {
                throw new Error(`handler ${numberOf(shard)}`);
              }),
            ),
          { restart: { maxRestarts: 0 } },
        );
        const timeline = timelineOf(stream(kinesis, { store }).pipe(failing));
        flush();
        expect(timeline).to.have.length(1);
        expect(store.held.size).to.equal(0);
      }),
    );

    it(
      'releases that of a shard which outlives its stream (take(1)) only after it has ended the shard',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^ 40ms b' } });
        const store = fakeLeases({ scheduler, latencyMs: 5 });
        const timeline = timelineOf(
          stream(kinesis, { store }).pipe(
            take(1),
            mergeMap((shard) => shard),
            map(textOf),
          ),
          500,
        );
        flush();
        expect(timeline.at(-1)).to.match(/complete$/);
        expect(store.held.size).to.equal(0);
      }),
    );

    it(
      'does not mind when the release fails',
      marbles(({ scheduler, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a^' } });
        const inner = fakeLeases({ scheduler });
        const events: KinesisEvent[] = [];
        const store: LeasingStore = {
          ...inner,
          release: () => {
            throw new Error('down');
          },
        };
        const timeline = timelineOf(
          stream(kinesis, { store, stop: timer(50), events: { next: (event) => void events.push(event) } }).pipe(
            mergeShards(working(1, 10)),
          ),
        );
        flush();
        expect(timeline.at(-1)).to.match(/complete$/);
        // It is asked again for most of stopTimeoutMs, and each time told.
        expect(events.filter(({ type }) => type === 'storeRetry')).to.have.length.above(5);
        expect(events.map(({ type }) => type)).not.to.include('stopTimedOut');
      }),
    );
  });

  it(
    'reads on under a lease that is granted again meanwhile, and gives it up once',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a 20ms b 20ms c^ 40ms d 40ms e' } });
      const inner = fakeLeases({ scheduler });
      const asked$ = new Subject<void>();
      const store: LeasingStore = {
        ...inner,
        leases: (shards$) =>
          merge(
            inner.leases(shards$),
            timer(30).pipe(
              map(() => ({ type: 'granted', shardId: identityOf(0).shardId, lease: { fencingToken: '9', lost$: NEVER, asked$ } }) as const),
            ),
          ),
      };
      timer(60).subscribe(() => asked$.next());
      const timeline = timelineOf(stream(kinesis, { store, stop: timer(200) }).pipe(mergeShards(working(1, 10))), 300);
      flush();
      // Asked for under its new tenure, it is drained first.
      expect(verbs(inner.log).filter((verb) => verb.startsWith('release'))).to.deep.equal(['release 0']);
      expect(verbs(inner.log).at(-1)).to.equal('release 0');
      expect(timeline.join(' ')).to.match(/a.*b.*c.*complete/);
    }),
  );

  it(
    'tells a lease how much is read under it',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^ 10ms bcd' } });
      const pages: number[] = [];
      const taking = (take: () => Observable<Lease>) =>
        take().pipe(map((lease) => ({ ...lease, noteRead: (bytes: number) => void pages.push(bytes) })));
      const store = fakeLeases({ scheduler, taking });
      timelineOf(stream(kinesis, { store }).pipe(mergeShards(working(1, 10))), 100);
      flush();
      expect(pages.filter((bytes) => bytes > 0).reduce((sum, bytes) => sum + bytes, 0)).to.equal(4);
    }),
  );

  it(
    'keeps a lease however long the reader has no credit',
    marbles(({ scheduler, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcd^' }, maxRecordsPerPage: 1 });
      const store = fakeLeases({ scheduler });
      const timeline = timelineOf(
        stream(kinesis, { store, maxInFlightRecords: 1, stop: timer(250_000), stopTimeoutMs: Infinity }).pipe(
          mergeShards(working(100_000, 1_000)),
        ),
      );
      flush();
      expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['a', 'b', 'c', 'complete']);
      expect(verbs(store.log).filter((verb) => !verb.startsWith('write'))).to.deep.equal(['take 0', 'release 0']);
    }),
  );

  it('keeps none of the leases that it has lost', async () => {
    const scheduler = new VirtualTimeScheduler(undefined, 1_000);
    const { shardId } = identityOf(0);
    const granted: WeakRef<Lease>[] = [];
    const store: LeasingStore = {
      ...memoryCheckpoints(),
      release: () => of(0),
      leases: () =>
        interval(100, scheduler).pipe(
          map((fencingToken) => {
            const lease: Lease = { fencingToken: String(fencingToken), lost$: timer(50, scheduler) };
            granted.push(new WeakRef(lease));
            return { type: 'granted', shardId, lease } as const;
          }),
        ),
    };
    const kinesis = fakeKinesis({ shards: { 0: 'a' }, scheduler });
    const subscription = stream(kinesis, { store, scheduler })
      .pipe(mergeShards((shard) => shard, { scheduler }))
      .subscribe();
    scheduler.flush();
    await collectGarbage();
    expect(granted).to.have.length(10);
    expect(heldOf(granted)).to.be.at.most(1);
    subscription.unsubscribe();
  });
});
