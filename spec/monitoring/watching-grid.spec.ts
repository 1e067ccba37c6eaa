import { expect } from 'chai';
import { concat, map, merge, mergeMap, NEVER, of, Subject, take, VirtualTimeScheduler, type Observable } from 'rxjs';
import { checkpointSuccessRate } from '../../lib/monitoring/checkpointSuccessRate.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { health } from '../../lib/monitoring/health.js';
import { highErrorRate } from '../../lib/monitoring/highErrorRate.js';
import { perShard } from '../../lib/monitoring/perShard.js';
import { processingLag } from '../../lib/monitoring/processingLag.js';
import { recordsProcessed } from '../../lib/monitoring/recordsProcessed.js';
import { recoveryRate } from '../../lib/monitoring/recoveryRate.js';
import { shareAlerts } from '../../lib/monitoring/shareAlerts.js';
import { stuckShards } from '../../lib/monitoring/stuckShards.js';
import { throttleRate } from '../../lib/monitoring/throttleRate.js';
import { marbles } from '../../lib/testing/index.js';
import { sampleEvent } from '../support/sample-event.js';

const window = { windowMs: 10, everyMs: 5 };

interface Watch {
  readonly watch: (events$: Observable<KinesisEvent>) => Observable<unknown>;
  /** An event by which it emits something later. */
  readonly event: KinesisEvent;
  /** When it first emits by an event at 1. */
  readonly first: string;
  /** What it emits at once. */
  readonly atOnce?: string;
}

const settled = sampleEvent('blockSettled', { lagMs: 1 });
const watches: Readonly<Record<string, Watch>> = {
  checkpointSuccessRate: { watch: checkpointSuccessRate(window), event: sampleEvent('checkpointWritten'), first: '-----x' },
  recordsProcessed: { watch: recordsProcessed(window), event: settled, first: '-----x' },
  recoveryRate: { watch: recoveryRate(window), event: settled, first: '-----x' },
  throttleRate: { watch: throttleRate({ service: 'kinesis', ...window }), event: sampleEvent('pageRead'), first: '-----x' },
  processingLag: { watch: processingLag(window), event: settled, first: '-----x' },
  'perShard, of a metric': { watch: perShard(recordsProcessed(window)), event: settled, first: '------x' },
  stuckShards: { watch: stuckShards({ maxAllowedLagMs: 3 }), event: sampleEvent('blockOpened'), first: '-----x' },
  highErrorRate: { watch: highErrorRate(window), event: sampleEvent('readRetry'), first: '-----x' },
  'shareAlerts, of an alert': {
    watch: (events$) => events$.pipe(highErrorRate(window), shareAlerts()),
    event: sampleEvent('readRetry'),
    first: '-----x',
  },
  health: { watch: (events$) => health(events$, { maxAllowedLagMs: 3 }), event: sampleEvent('blockOpened'), first: '-----x', atOnce: 'x' },
};

for (const [name, { watch, event, first, atOnce }] of Object.entries(watches)) {
  /** What it emits is not looked at here. */
  const marksOf = (events$: Observable<KinesisEvent>): Observable<string> => watch(events$).pipe(map(() => 'x'));
  /** With what it emits at once. */
  const expected = (frames: string): string => {
    if (!atOnce) return frames;
    return frames.length === 1 && frames !== '-' ? `(${atOnce}${frames})` : `${atOnce}${frames.slice(1)}`;
  };

  describe(`${name}, in the grid of every operator:`, () => {
    it(
      'emits by an event, and sets no timer before one',
      marbles(({ cold, expectObservable, scheduler }) => {
        expectObservable(marksOf(cold('-e', { e: event })), '^ 7ms !').toBe(expected(first));
        marksOf(NEVER).subscribe().unsubscribe();
        scheduler.flush();
      }),
    );
    it(
      'is as silent as its source, without a timer',
      marbles(({ expectObservable, flush, scheduler }) => {
        expectObservable(marksOf(NEVER)).toBe(expected('-'));
        flush();
        expect(scheduler.frame).to.equal(0);
      }),
    );
    it(
      'is as silent for events that are not its own',
      marbles(({ cold, expectObservable, flush, scheduler }) => {
        expectObservable(marksOf(cold('-w-', { w: sampleEvent('leaseAsked') }))).toBe(expected('-'));
        flush();
        expect(scheduler.frame).to.equal(1);
      }),
    );
    it(
      'completes with an empty source',
      marbles(({ cold, expectObservable }) => {
        expectObservable(marksOf(cold<KinesisEvent>('|'))).toBe(expected('|'));
      }),
    );
    it(
      'completes with its source at once, and leaves no timer',
      marbles(({ cold, expectObservable, flush, scheduler }) => {
        const isPerShard = name.startsWith('perShard');
        expectObservable(marksOf(cold('-e-|', { e: event }))).toBe(isPerShard ? '---(x|)' : expected('---|'));
        flush();
        expect(scheduler.actions).to.have.length(0);
      }),
    );
    it(
      'fails with its source at once, and leaves no timer',
      marbles(({ cold, expectObservable, flush, scheduler }) => {
        expectObservable(marksOf(cold('-e-#', { e: event }))).toBe(expected('---#'));
        flush();
        expect(scheduler.actions).to.have.length(0);
      }),
    );
    it(
      'unsubscribed early, unsubscribes its source and leaves no timer',
      marbles(({ cold, expectObservable, expectSubscriptions, flush, scheduler }) => {
        const source = cold('-e-----', { e: event });
        const isShared = name.startsWith('shareAlerts');
        expectObservable(marksOf(source), '--^-!').toBe(atOnce ? '--x-' : '-');
        // Shared alerts go on without subscribers.
        expectSubscriptions(source.subscriptions).toBe(isShared ? '--^' : '--^-!');
        flush();
        if (!isShared) expect(scheduler.frame).to.be.below(8);
      }),
    );
    it(
      'takes events that come at once',
      marbles(({ expectObservable }) => {
        const isLate = name === 'stuckShards' || name === 'health' ? '----x' : '-----x';
        expectObservable(marksOf(concat(of(event), NEVER)), '^ 7ms !').toBe(expected(isLate));
      }),
    );
    it(
      'stops a source that is synchronous when it is unsubscribed',
      marbles(() => {
        let asked = 0;
        const endless$ = merge(of(0), NEVER).pipe(mergeMap(() => generate(() => (asked++, event))));
        watch(endless$.pipe(take(100))).subscribe();
        expect(asked).to.be.below(102);
      }),
    );
    it(
      'counts for each subscriber by itself, also for one that comes again',
      marbles(({ cold, expectObservable }) => {
        if (name.startsWith('shareAlerts')) return void expectObservable(NEVER).toBe('-');
        const watched$ = marksOf(cold('-e', { e: event }));
        const later = (frames: string): string => `${' '.repeat(0)}${'-'.repeat(20)}${frames}`;
        expectObservable(watched$, '^ 7ms !').toBe(expected(first));
        expectObservable(watched$, '^ 7ms !').toBe(expected(first));
        expectObservable(watched$, `${'-'.repeat(20)}^ 7ms !`).toBe(later(expected(first)));
      }),
    );
  });
}

/** Emits what it is asked for, for as long as it is subscribed. */
function generate<T>(make: () => T): Observable<T> {
  return of(...Array.from({ length: 100 }, make));
}

describe('a metric', () => {
  it('counts what its subscriber makes happen while it emits', () => {
    const scheduler = new VirtualTimeScheduler();
    const events$ = new Subject<KinesisEvent>();
    const figures: (number | undefined)[] = [];
    events$.pipe(recordsProcessed({ ...window, scheduler })).subscribe((figure) => {
      figures.push(figure);
      // Also when it had nothing left to show.
      if (figures.length === 3) events$.next(settled);
    });
    events$.next(settled);
    scheduler.flush();
    expect(figures).to.deep.equal([1, 1, undefined, 1, 1, undefined]);
  });

  it('shows the window up to now when a tick comes late', () => {
    const { scheduler, clock, runTimers } = hostClock();
    const events$ = new Subject<KinesisEvent>();
    const figures: (number | undefined)[] = [];
    events$.pipe(recordsProcessed({ windowMs: 30, everyMs: 10, scheduler })).subscribe((figure) => figures.push(figure));
    events$.next(settled);
    clock.ms += 25;
    events$.next(settled);
    runTimers();
    // At 25 the slots from 0 and 10 on are over, and that from 20 on is under way.
    expect(figures).to.deep.equal([1]);
    clock.ms += 5;
    runTimers();
    expect(figures).to.deep.equal([1, 2]);
  });

  it('goes on when the clock is set back, and counts nothing twice when it is set forward', () => {
    const { scheduler, clock, runTimers } = hostClock();
    const events$ = new Subject<KinesisEvent>();
    const figures: (number | undefined)[] = [];
    events$.pipe(recordsProcessed({ windowMs: 20, everyMs: 10, scheduler })).subscribe((figure) => figures.push(figure));
    events$.next(settled);
    clock.ms -= 3_600_000;
    events$.next(settled);
    runTimers();
    expect(figures).to.deep.equal([2]);
    clock.ms += 3_600_000;
    events$.next(settled);
    runTimers();
    clock.ms += 10;
    runTimers();
    expect(figures).to.deep.equal([2, undefined, 1]);
  });
});

/** A scheduler whose clock is set by hand, and whose timers fire when told to. */
function hostClock() {
  const clock = { ms: 1_000 };
  const timers = new VirtualTimeScheduler();
  const scheduler = Object.create(timers) as VirtualTimeScheduler;
  scheduler.now = () => clock.ms;
  return {
    clock,
    scheduler,
    /** Fires those that are set, not those that they set. */
    runTimers: () => {
      const due = [...timers.actions];
      timers.actions.length = 0;
      for (const action of due) action.execute(action.state as never, 0);
    },
  };
}
