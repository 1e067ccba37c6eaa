import { expect } from 'chai';
import { concat, EMPTY, finalize, NEVER, Observable, of, range, Subject, take } from 'rxjs';
import { firstThen } from '../../lib/internal/first-then.js';
import { followedBy } from '../../lib/internal/followed-by.js';
import { subscribeWithin, type Handlers } from '../../lib/internal/subscribe-within.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

/** An operator made of handlers. */
function handled<T>(source: Observable<T>, handlers: (next: (value: T) => void) => Handlers<T>): Observable<T> {
  return new Observable<T>((subscriber) => {
    subscribeWithin(
      subscriber,
      source,
      handlers((value) => subscriber.next(value)),
    );
  });
}

function fail(): never {
  throw new Error('thrown');
}

describe('subscribeWithin', () => {
  it(
    'passes on errors and completions for which there is no handler',
    marbles(({ hot, expectObservable }) => {
      expectObservable(handled(hot('-a-b-|'), (next) => ({ next }))).toBe('-a-b-|');
      expectObservable(handled(hot('-a-#'), (next) => ({ next }))).toBe('-a-#');
    }),
  );

  it('stops a synchronous source when its subscriber has enough', () => {
    let given = 0;
    const endless$ = new Observable<number>((subscriber) => {
      while (!subscriber.closed && given < 100) subscriber.next(given++);
    });
    handled(endless$, (next) => ({ next }))
      .pipe(take(3))
      .subscribe();
    expect(given).to.equal(3);
  });

  it('unsubscribes from its source with its subscriber', () => {
    const source$ = new Subject<void>();
    const subscription = handled(source$, (next) => ({ next })).subscribe();
    expect(source$.observed).to.equal(true);
    subscription.unsubscribe();
    expect(source$.observed).to.equal(false);
  });

  for (const [name, handlers, source] of [
    ['next', { next: fail }, of(1)],
    ['complete', { next: fail, complete: fail }, EMPTY],
  ] as const)
    it(`gives what ${name} throws to the handler of errors, or else to its subscriber`, () => {
      const errors: unknown[] = [];
      handled(source, () => handlers).subscribe({ error: (error: unknown) => errors.push((error as Error).message) });
      handled(source, () => ({ ...handlers, error: (error) => errors.push([(error as Error).message]) })).subscribe();
      expect(errors).to.deep.equal(['thrown', ['thrown']]);
    });

  it('stops its source when next throws', () => {
    const source$ = new Subject<number>();
    handled(source$, () => ({ next: fail, error: () => undefined })).subscribe();
    source$.next(1);
    expect(source$.observed).to.equal(false);
  });
});

describe('firstThen', () => {
  it(
    'mirrors what is made of the first value, and unsubscribes from the source at it',
    marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const source$ = hot('--a--b|');
      expectObservable(firstThen(source$, (value) => cold('-x-|', { x: `${value}x` }))).toBe('---x-|', { x: 'ax' });
      expectSubscriptions(source$.subscriptions).toBe('^-!');
    }),
  );

  it(
    'completes with a source that has no value, and errors with it',
    marbles(({ hot, expectObservable }) => {
      expectObservable(firstThen(hot('--|'), () => NEVER)).toBe('--|');
      expectObservable(firstThen(hot('--#'), () => NEVER)).toBe('--#');
    }),
  );

  it('takes one value of a synchronous source', () => {
    const projected: number[] = [];
    firstThen(range(0, 5), (value) => of(projected.push(value))).subscribe();
    expect(projected).to.deep.equal([0]);
  });

  it('errors with what project throws', () => {
    const told: unknown[] = [];
    firstThen<unknown, never>(of(1), fail).subscribe({ error: (error: unknown) => told.push((error as Error).message) });
    expect(told).to.deep.equal(['thrown']);
  });

  it('unsubscribes from what was made of the first value', () => {
    const then$ = new Subject<void>();
    const subscription = firstThen(of(1), () => then$).subscribe();
    subscription.unsubscribe();
    expect(then$.observed).to.equal(false);
  });
});

describe('followedBy', () => {
  it(
    'mirrors one after the other, like concat',
    marbles(({ cold, expectObservable }) => {
      const [first, second] = [cold('-a-|'), cold('-b-|')];
      expectObservable(followedBy(first, second)).toBe('-a--b-|');
      expectObservable(concat(first, second)).toBe('-a--b-|');
      expectObservable(followedBy(cold('-#'), second)).toBe('-#');
    }),
  );

  it('subscribes to the second one when the first one is torn down', () => {
    const order: string[] = [];
    const first$ = new Subject<never>();
    followedBy(
      first$.pipe(finalize(() => order.push('torn down'))),
      new Observable<never>(() => void order.push('subscribed')),
    ).subscribe();
    first$.complete();
    expect(order).to.deep.equal(['torn down', 'subscribed']);
  });
});
