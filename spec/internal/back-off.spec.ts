import { expect } from 'chai';
import { concat, defer, NEVER, Observable, of, Subject, take, throwError, timer, type SchedulerLike } from 'rxjs';
import { retryWithBackOff, type RetryAttempt, type RetryWithBackOffConfig } from '../../lib/internal/back-off.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

/** A source that errors at once with these, one a subscription, then emits `v` and completes. */
function failing(errors: readonly unknown[]): Observable<string> {
  const left = [...errors];
  return defer(() => (left.length > 0 ? throwError(() => left.shift()) : of('v')));
}

/** Delays of half of 10, 20, 40 … ms, at most 50. */
function policy(scheduler: SchedulerLike, fields: Partial<RetryWithBackOffConfig> = {}): RetryWithBackOffConfig {
  return { maxRetries: 100, initialDelayMs: 10, maxDelayMs: 100, random: () => 0.5, scheduler, ...fields };
}

describe('retryWithBackOff', () => {
  it(
    're-emits a source that completes, is empty, or never ends',
    marbles(({ scheduler, cold, expectObservable }) => {
      for (const marble of ['-a-b|', '|', '-a-']) {
        expectObservable(cold(marble).pipe(retryWithBackOff(() => policy(scheduler)))).toBe(marble);
      }
    }),
  );

  it(
    'keeps what was emitted before an error, and subscribes again after the delay',
    marbles(({ scheduler, cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a#');
      expectObservable(source.pipe(retryWithBackOff(() => policy(scheduler, { maxRetries: 1 })))).toBe('-a 5ms -a#');
      expectSubscriptions(source.subscriptions).toBe(['^-!', '-- 5ms ^-!']);
    }),
  );

  it(
    'doubles the bound of the delay up to the maximum, and rolls the dice for each',
    marbles(({ scheduler, flush }) => {
      const dice = [0.5, 0, 0.99, 0.5, 0.25, 0.1];
      const delaysMs: number[] = [];
      const config = policy(scheduler, { random: () => dice.shift()!, notify: ({ delayMs }) => void delaysMs.push(delayMs) });
      failing(Array(6).fill('e'))
        .pipe(retryWithBackOff(() => config))
        .subscribe();
      flush();
      // Of bounds 10, 20, 40, 80, 100, 100.
      expect(delaysMs).to.deep.equal([5, 0, 39, 40, 25, 10]);
      expect(scheduler.now()).to.equal(119);
    }),
  );

  it(
    'errors with the last error when the retries are used up',
    marbles(({ scheduler, expectObservable }) => {
      expectObservable(failing(['a', 'b', 'c']).pipe(retryWithBackOff(() => policy(scheduler, { maxRetries: 2 })))).toBe('15ms #', {}, 'c');
      expectObservable(failing(['a', 'b']).pipe(retryWithBackOff(() => policy(scheduler, { maxRetries: 2 })))).toBe('15ms (v|)');
      expectObservable(failing(['a']).pipe(retryWithBackOff(() => policy(scheduler, { maxRetries: 0 })))).toBe('#', {}, 'a');
    }),
  );

  it(
    'asks whether to retry, and tells of each retry before its delay',
    marbles(({ scheduler, expectObservable, flush }) => {
      const asked: unknown[] = [];
      const told: (RetryAttempt & { readonly atMs: number })[] = [];
      const config = policy(scheduler, {
        shouldRetry: (error, attempt) => (asked.push([error, attempt]), error === 'b' ? 'at once' : error !== 'c'),
        notify: (retry) => void told.push({ ...retry, atMs: scheduler.now() }),
      });
      expectObservable(failing(['a', 'b', 'c']).pipe(retryWithBackOff(() => config))).toBe('5ms #', {}, 'c');
      flush();
      expect(asked).to.deep.equal([
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ]);
      expect(told).to.deep.equal([
        { attempt: 1, delayMs: 5, error: 'a', atMs: 0 },
        { attempt: 2, delayMs: 0, error: 'b', atMs: 5 },
      ]);
    }),
  );

  it(
    'does not ask about an error that is one too many',
    marbles(({ scheduler, expectObservable }) => {
      const shouldRetry = () => expect.fail('asked');
      expectObservable(failing(['a']).pipe(retryWithBackOff(() => policy(scheduler, { maxRetries: 0, shouldRetry })))).toBe('#', {}, 'a');
    }),
  );

  it(
    'counts the errors of the last resetAfterMs only',
    marbles(({ scheduler, cold, flush }) => {
      const attempts: number[] = [];
      // The time from one error to the next is the delay before it and this.
      const spansMs = [0, 19, 1, 18, 20, 0, 0];
      const source = defer(() => concat(timer(spansMs.shift()!, scheduler), cold('#')));
      const config = policy(scheduler, {
        initialDelayMs: 0,
        maxRetries: 3,
        resetAfterMs: 20,
        notify: ({ attempt }) => void attempts.push(attempt),
      });
      source.pipe(retryWithBackOff(() => config)).subscribe({ error: () => undefined });
      flush();
      // At 0, 19, 20, 38, and three times at 58 ms.
      expect(attempts.slice(0, 7)).to.deep.equal([1, 2, 2, 3, 1, 2, 3]);
    }),
  );

  it(
    'ends a delay early when hurry$ emits, and not when it completes',
    marbles(({ scheduler, cold, expectObservable }) => {
      const slow = { initialDelayMs: 2_000, maxDelayMs: 2_000 };
      const hurried = (hurry$: Observable<unknown>) => failing(['a']).pipe(retryWithBackOff(() => policy(scheduler, { ...slow, hurry$ })));
      expectObservable(hurried(cold('---h'))).toBe('---(v|)');
      expectObservable(hurried(of('h'))).toBe('(v|)');
      expectObservable(hurried(cold('---|'))).toBe('1s (v|)');
    }),
  );

  it(
    'leaves no timer and no subscription to hurry$ behind when unsubscribed during a delay',
    marbles(({ scheduler, expectObservable, flush }) => {
      const hurry$ = new Subject<void>();
      expectObservable(failing(['a']).pipe(retryWithBackOff(() => policy(scheduler, { hurry$, initialDelayMs: 90 }))), '--!').toBe('');
      flush();
      expect(scheduler.now()).to.be.below(45);
      expect(hurry$.observed).to.equal(false);
    }),
  );

  it(
    'counts each subscription for itself, also the second to the same Observable',
    marbles(({ scheduler, cold, expectObservable }) => {
      const source = cold('#', {}, 'e').pipe(retryWithBackOff(() => policy(scheduler, { maxRetries: 1 })));
      expectObservable(source).toBe('5ms #', {}, 'e');
      expectObservable(source, '--^').toBe('-- 5ms #', {}, 'e');
    }),
  );

  it(
    'errors with what shouldRetry or notify throws',
    marbles(({ scheduler, expectObservable }) => {
      const thrown = new Error('thrown');
      const thrower = () => {
        throw thrown;
      };
      for (const fields of [{ shouldRetry: thrower }, { notify: thrower }]) {
        expectObservable(failing(['a']).pipe(retryWithBackOff(() => policy(scheduler, fields)))).toBe('#', {}, thrown);
      }
    }),
  );

  it(
    'stops a synchronous source that it is unsubscribed from, and does not subscribe it again',
    marbles(({ scheduler, flush }) => {
      let emitted = 0;
      const source = new Observable<number>((subscriber) => {
        while (emitted < 5 && !subscriber.closed) subscriber.next(emitted++);
        subscriber.error('e');
      });
      const values: number[] = [];
      source
        .pipe(
          retryWithBackOff(() => policy(scheduler)),
          take(2),
        )
        .subscribe((value) => values.push(value));
      flush();
      expect(values).to.deep.equal([0, 1]);
      expect(emitted).to.equal(2);
    }),
  );

  const synchronous: Readonly<Record<string, Partial<RetryWithBackOffConfig>>> = {
    'without delays': { initialDelayMs: 0 },
    'at once': { shouldRetry: () => 'at once' },
    'hurried by what emits synchronously': { hurry$: concat(of(0), NEVER), initialDelayMs: 5 },
  };
  for (const [name, fields] of Object.entries(synchronous)) {
    it(
      `does not grow the stack with 50 000 retries of a synchronous source, ${name}`,
      marbles(({ scheduler, flush }) => {
        let subscriptions = 0;
        let deepest = 0;
        const source = defer(() => {
          subscriptions++;
          if (subscriptions % 10_000 === 0) deepest = Math.max(deepest, stackDepth());
          return throwError(() => 'e');
        });
        const ends: unknown[] = [];
        const config = policy(scheduler, { maxRetries: 50_000, ...fields });
        source.pipe(retryWithBackOff(() => config)).subscribe({ error: (error: unknown) => ends.push(error) });
        flush();
        expect(ends).to.deep.equal(['e']);
        expect(subscriptions).to.equal(50_001);
        expect(deepest).to.be.within(1, 150);
      }),
    ).timeout(60_000);
  }
});

function stackDepth(): number {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 10_000;
  const depth = new Error().stack!.split('\n').length;
  Error.stackTraceLimit = limit;
  return depth;
}
