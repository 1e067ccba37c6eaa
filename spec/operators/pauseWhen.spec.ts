import { expect } from 'chai';
import {
  bufferCount,
  concat,
  delay,
  finalize,
  from,
  map,
  mergeMap,
  NEVER,
  Observable,
  of,
  Subject,
  take,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs';
import type { Alert } from '../../lib/monitoring/alert.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { highErrorRate } from '../../lib/monitoring/highErrorRate.js';
import { shareAlerts } from '../../lib/monitoring/shareAlerts.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { pauseWhen } from '../../lib/operators/pauseWhen.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { block, marbles, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { recordingStore } from '../support/recording-store.js';
import { inLetters, instantKinesis, PASSING, quickReading, quickShard } from '../support/quick-shard.js';
import { thrownBy } from '../support/thrown-by.js';

const alert = (raised: boolean, type: Alert['type'] = 'highErrorRate', shardId = '0'): Alert => ({
  type,
  raised,
  shardId,
  value: 1,
  limit: 0,
});
/** Raised, cleared; in capitals another alert. */
const alerts = {
  r: alert(true),
  c: alert(false),
  R: alert(true, 'stuckShard'),
  C: alert(false, 'stuckShard'),
  O: alert(false, 'highErrorRate', '1'),
};
const blocks = Object.fromEntries([...'abcdef'].map((letter, i) => [letter, block(i + 1)]));

describe('pauseWhen', () => {
  const pauses = (source: string, alerting: string, expected: string) =>
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const [blocks$, alert$] = [cold(source, blocks), cold(alerting, alerts)];
      expectObservable(blocks$.pipe(pauseWhen(alert$))).toBe(expected, blocks);
      const end = /[|#]/.exec(expected.replace(/\(.*?\)/g, (group) => group.at(-2)!.padEnd(group.length, ' ')));
      if (end) expectSubscriptions(alert$.subscriptions).toBe(end.index === 0 ? '(^!)' : `^${'-'.repeat(end.index - 1)}!`);
    });

  it('holds blocks back while an alert is raised, and lets them go on in order', pauses('-a-b-c-----d', '--r---c-', '-a----(bc)-d'));
  it('passes blocks at once while none is', pauses('-a-b-|', '-----', '-a-b-|'));
  it('holds back the first block for an alert that is raised already', pauses('a-b-', '(r)-----c', '--------(ab)'));
  it('goes on when the last of several alerts is cleared', pauses('-a-b-', 'rR--cO-C', '-------(ab)'));
  it('takes an alert that is raised twice for one', pauses('-a-', 'rr-c', '---a'));
  it('is as silent as its source', pauses('-', 'r-c', '-'));
  it('completes with an empty source, and with one whose blocks have passed', () => {
    pauses('|', '-r', '|')();
    pauses('-a-|', '-', '-a-|')();
    pauses('---|', 'r-', '---|')();
  });
  it('completes when what is held has passed', pauses('-a-b|', '--r----c', '-a-----(b|)'));
  it('fails with its source at once', pauses('-a-b#', '--r----c', '-a--#'));
  it(
    'fails with its alerts at once',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-b-c-', blocks);
      expectObservable(source.pipe(pauseWhen(cold('--r-#', alerts)))).toBe('-a--#', blocks);
      expectSubscriptions(source.subscriptions).toBe('^---!');
    }),
  );
  it('holds nothing back any more when its alerts have completed', pauses('-a-b-c-', '--r-|', '-a--bc-'));
  it(
    'unsubscribes both when it is unsubscribed, and drops what it holds',
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const [source, alert$] = [cold('-a-b-', blocks), cold('--r-----c', alerts)];
      expectObservable(source.pipe(pauseWhen(alert$)), '^----!').toBe('-a----', blocks);
      for (const { subscriptions } of [source, alert$]) expectSubscriptions(subscriptions).toBe('^----!');
    }),
  );
  it(
    'holds for each subscriber by itself, also for one that comes again',
    marbles(({ cold, expectObservable }) => {
      const held$ = cold('-a-b|', blocks).pipe(pauseWhen(cold('r-c', alerts)));
      expectObservable(held$).toBe('--ab|', blocks);
      expectObservable(held$, '-----------^').toBe('-------------ab|', blocks);
    }),
  );
  it('stops a source that is synchronous when it is unsubscribed, and drains tens of thousands in a loop', () => {
    let made = 0;
    const many = function* () {
      for (; made < 50_000; made++) yield blocks.a!;
    };
    const passed: Block[] = [];
    from(many())
      .pipe(pauseWhen(NEVER), take(10))
      .subscribe((one) => passed.push(one));
    expect([made, passed.length]).to.deep.equal([9, 10]);

    made = 0;
    const alert$ = new Subject<Alert>();
    let drained = 0;
    concat(from(many()), NEVER)
      .pipe(pauseWhen(concat(of(alerts.r), alert$)))
      .subscribe(() => drained++);
    expect(drained).to.equal(0);
    alert$.next(alerts.c);
    expect(drained).to.equal(50_000);
  });
  it('keeps the order when a block comes, or an alert is raised or cleared, while others go on', () => {
    const [source, alert$] = [new Subject<Block>(), new Subject<Alert>()];
    const passed: string[] = [];
    source.pipe(pauseWhen(alert$)).subscribe(({ id }) => {
      passed.push(id);
      if (id === blocks.a!.id) source.next(blocks.c!);
      if (id === blocks.b!.id) alert$.next(alerts.r);
    });
    alert$.next(alerts.r);
    source.next(blocks.a!);
    source.next(blocks.b!);
    alert$.next(alerts.c);
    expect(passed).to.deep.equal([blocks.a!.id, blocks.b!.id]);
    alert$.next(alerts.c);
    source.next(blocks.d!);
    expect(passed).to.deep.equal([blocks.a!, blocks.b!, blocks.c!, blocks.d!].map(({ id }) => id));
  });
  it('gives a block to the end of the pipeline before the next, whatever that one brings about on the way', () => {
    const passedWith = (act: (one: Block, source: Subject<Block>, alert$: Subject<Alert>) => void): (string | undefined)[] => {
      const [source, alert$] = [new Subject<Block>(), new Subject<Alert>()];
      const passed: Block[] = [];
      source
        .pipe(
          pauseWhen(alert$),
          tap((one) => act(one, source, alert$)),
        )
        .subscribe((one) => passed.push(one));
      alert$.next(alerts.r);
      for (const one of [blocks.a!, blocks.b!]) source.next(one);
      alert$.next(alerts.c);
      return passed.map((one) => Object.keys(blocks).find((letter) => blocks[letter] === one));
    };
    expect(passedWith((one, source) => void (one === blocks.b && source.next(blocks.c!)))).to.deep.equal(['a', 'b', 'c']);
    expect(passedWith((one, _, alert$) => void (one === blocks.a && alert$.next(alerts.c)))).to.deep.equal(['a', 'b']);
  });
  it('lets a block go on as often as it comes', () => {
    const [source, alert$] = [new Subject<Block>(), new Subject<Alert>()];
    let passed = 0;
    source.pipe(pauseWhen(alert$)).subscribe(() => passed++);
    alert$.next(alerts.r);
    for (let i = 0; i < 3; i++) source.next(blocks.a!);
    alert$.next(alerts.c);
    expect(passed).to.equal(3);
  });
  it('fails with what throws behind it', () => {
    const seen: unknown[] = [];
    of(blocks.a!)
      .pipe(
        pauseWhen(NEVER),
        map(() => {
          throw new Error('mine');
        }),
      )
      .subscribe({ error: (error: unknown) => seen.push((error as Error).message) });
    expect(seen).to.deep.equal(['mine']);
  });
  it('refuses records and shards, for which the reader would not wait, and what are no alerts', () => {
    const refused = (value: unknown): unknown => {
      let thrown: unknown;
      of(value as Block)
        .pipe(pauseWhen(NEVER))
        .subscribe({ error: (error: unknown) => void (thrown = error) });
      return thrown;
    };
    expect(refused(record(1)))
      .to.satisfy(isInvalidConfig)
      .and.have.property('message')
      .that.matches(/got a record: put it behind withSequenceRanges/);
    expect(refused(Object.assign(new Observable(), { leaseLost$: NEVER })))
      .to.satisfy(isInvalidConfig)
      .and.have.property('message')
      .that.matches(/mergeShards/);
    for (const none of [undefined, 'alert', 5]) expect(thrownBy(() => pauseWhen(none as never))).to.satisfy(isInvalidConfig);
  });
  for (const value of [true, undefined, { type: 'pageRead' }]) {
    it(`fails at the first value that is no alert, which could never pause it: ${JSON.stringify(value)}`, () => {
      const errors: unknown[] = [];
      NEVER.pipe(pauseWhen(of(value) as never)).subscribe({ error: (error: unknown) => errors.push(error) });
      expect(errors).to.have.length(1);
      expect(errors[0])
        .to.satisfy(isInvalidConfig)
        .and.have.property('message')
        .that.matches(/^alert\$: expected alerts, .* got (true|undefined|object)$/);
    });
  }
});

describe('pauseWhen in a pipeline', () => {
  it(
    'has the shard read no further than its credit, loses nothing, keeps the order and checkpoints what had passed',
    marbles(({ cold, flush }) => {
      const store = recordingStore();
      const pages: string[] = [];
      const events = {
        next: (event: KinesisEvent) => void (event.type === 'pageRead' && event.records > 0 && pages.push(`${event.at} ${event.records}`)),
      };
      const passed: string[] = [];
      const letters = 'abcdefghijklmnopqrstuvwxyz';
      quickShard(instantKinesis({ shards: { 0: `${letters}|` } }), { store, events, maxInFlightRecords: 6 })
        .pipe(
          map((one) => [one]),
          withSequenceRanges(),
          pauseWhen(cold('----r 95ms c', alerts)),
          tap((one) => passed.push(inLetters(one))),
          delay(1),
          checkpointEvery(10),
        )
        .subscribe();
      flush();
      expect(passed.join('')).to.equal(letters);
      // A record a millisecond, of which four pass; there is credit for six more.
      const readWhilePaused = pages.map((page) => page.split(' ').map(Number)).filter(([at]) => at! < 100);
      expect(readWhilePaused.reduce((sum, [, records]) => sum + records!, 0)).to.equal(10);
      expect(store.kept[0]).to.equal('10 4');
      expect(store.kept.at(-1)).to.match(/SHARD_END/);
    }),
  );

  it(
    'below recoverFrom brings back in order what a failed read took along',
    marbles(({ cold, flush }) => {
      const store = recordingStore();
      const passed: string[] = [];
      quickShard(instantKinesis({ shards: { 0: 'abcdefgh|' }, faults: [{ method: 'getRecords', fromMs: 6, error: PASSING }] }), { store })
        .pipe(
          bufferCount(2),
          withSequenceRanges(),
          recoverFrom(store),
          pauseWhen(cold('--r 20ms c', alerts)),
          tap((one) => passed.push(inLetters(one).replace("'", ''))),
          checkpointEvery(10),
        )
        .subscribe();
      flush();
      expect(passed.join('')).to.equal('abcdefgh');
    }),
  );

  it(
    'holds back the work of a pipeline that is restarted while the alert is raised',
    marbles(({ flush, scheduler }) => {
      const events$ = new Subject<KinesisEvent>();
      const alert$ = events$.pipe(highErrorRate({ threshold: 0.2, windowMs: 100, everyMs: 10 }), shareAlerts());
      const told: string[] = [];
      alert$.subscribe(({ raised, shardId }) => told.push(`${scheduler.now()} ${raised ? 'raised' : 'cleared'} ${shardId?.slice(-1)}`));
      const tries: number[] = [];
      const work = (one: Block) => (tries.push(scheduler.now()) <= 4 ? throwError(() => new Error('the sink is down')) : of(one));
      kinesisStream({ ...quickReading(), client: instantKinesis({ shards: { 0: 'a|' } }), store: recordingStore(), events: events$ })
        .pipe(
          mergeShards((shard) => shard.pipe(bufferCount(1), withSequenceRanges(), pauseWhen(alert$), mergeMap(work), checkpointEvery(10)), {
            restart: { initialDelayMs: 4, maxDelayMs: 4 },
            random: () => 0.99,
          }),
          takeUntil(timer(500)),
        )
        .subscribe();
      flush();
      // At 0, 3, 6 and 9 it fails, the alert is raised at 10, and the fifth try waits until all of that has left the window.
      expect(told).to.deep.equal(['10 raised 0', '110 cleared 0']);
      expect(tries).to.deep.equal([0, 3, 6, 9, 110]);
    }),
  );

  it(
    'waits at a stop for the alert to be cleared, within stopTimeoutMs, and leaves what it holds unsettled',
    marbles(({ cold, flush }) => {
      const run = (alerting: string) => {
        const store = recordingStore();
        const ends: string[] = [];
        kinesisStream({
          ...quickReading(),
          client: instantKinesis({ shards: { 0: 'ab---' } }),
          store,
          events: 'silent',
          stop: timer(8),
          stopTimeoutMs: 50,
        })
          .pipe(
            mergeShards((shard) =>
              shard.pipe(bufferCount(1), withSequenceRanges(), pauseWhen(cold(alerting, alerts)), checkpointEvery(10)),
            ),
            finalize(() => ends.push('over')),
          )
          .subscribe({ error: (error: unknown) => ends.push((error as { code: string }).code), complete: () => ends.push('complete') });
        return { store, ends };
      };
      const inTime = run('-r 20ms c');
      const late = run('-r 200ms c');
      flush();
      expect([inTime.ends, inTime.store.kept.at(-1)]).to.deep.equal([['complete', 'over'], '22 2']);
      expect([late.ends[0], late.store.kept.at(-1)]).to.deep.equal(['STOP_TIMEOUT', '10 1']);
    }),
  );
});
