import { expect } from 'chai';
import { defer, EMPTY, NEVER, of, Subject, take, throwError, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { Lanes } from '../../lib/internal/lanes.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

describe('Lanes', () => {
  /** Runs works by their names, and notes which have begun. */
  const running = (lanes: number, scheduler: SchedulerLike) => {
    const queue = new Lanes(lanes, { patienceMs: 100, scheduler });
    const began: string[] = [];
    const run = (name: string, work: Observable<unknown> = NEVER, then?: () => void): Subscription =>
      queue
        .run(
          defer(() => {
            began.push(name);
            return work;
          }),
        )
        .subscribe({ next: then, error: () => undefined });
    return { queue, began, run };
  };

  it(
    'runs so much at once, and begins what waits in order when work completes or errors',
    marbles(({ scheduler, flush }) => {
      const { began, run } = running(2, scheduler);
      const [a, b] = [new Subject(), new Subject()];
      const subscriptions = [run('a', a), run('b', b), run('c'), run('d'), run('e')];
      expect(began.join('')).to.equal('ab');
      b.complete();
      expect(began.join('')).to.equal('abc');
      a.error('broken');
      expect(began.join('')).to.equal('abcd');
      for (const subscription of subscriptions) subscription.unsubscribe();
      flush();
      expect(began.join('')).to.equal('abcd');
    }),
  );

  it(
    'begins what waits when the work before has given all that was wanted',
    marbles(({ scheduler }) => {
      const { queue, began, run } = running(1, scheduler);
      const first = new Subject<string>();
      queue.run(first).pipe(take(1)).subscribe();
      run('b').add(() => began.push('-'));
      first.next('value');
      expect(began).to.deep.equal(['b']);
    }),
  );

  it(
    'begins what waits after a time, whatever still runs, and counts what runs no more',
    marbles(({ scheduler, flush }) => {
      const { began, run } = running(2, scheduler);
      const startMs = scheduler.now();
      const a = new Subject();
      const subscriptions = [run('a', a), ...[...'bcdef'].map((name) => run(name))];
      scheduler.schedule(() => expect(began.join('')).to.equal('ab'), 99);
      scheduler.schedule(() => expect(began.join('')).to.equal('abcd'), 101);
      scheduler.schedule(() => {
        a.complete();
        expect(began.join('')).to.equal('abcd');
      }, 150);
      flush();
      expect(began.join('')).to.equal('abcdef');
      expect(scheduler.now() - startMs).to.equal(200);
      for (const subscription of subscriptions) subscription.unsubscribe();
    }),
  );

  it(
    'begins nothing while all of it is unsubscribed, and leaves no timer',
    marbles(({ scheduler, flush }) => {
      const { began, run } = running(2, scheduler);
      const startMs = scheduler.now();
      const subscriptions = [...'abcde'].map((name) => run(name));
      for (const subscription of subscriptions) subscription.unsubscribe();
      flush();
      expect(began.join('')).to.equal('ab');
      expect(scheduler.now()).to.equal(startMs);
      run('f');
      run('g');
      expect(began.join('')).to.equal('abfg');
    }),
  );

  it(
    'begins what waits after the time when only what ran is unsubscribed, or at once when more comes',
    marbles(({ scheduler, flush }) => {
      const { began, run } = running(1, scheduler);
      const first = run('a');
      const second = run('b');
      first.unsubscribe();
      expect(began.join('')).to.equal('a');
      flush();
      expect(began.join('')).to.equal('ab');
      run('c');
      second.unsubscribe();
      run('d');
      expect(began.join('')).to.equal('abc');
    }),
  );

  it(
    'runs any amount of work that ends synchronously, also from within other work',
    marbles(({ scheduler }) => {
      const { began, run } = running(1, scheduler);
      const first = new Subject();
      run('first', first);
      for (let i = 0; i < 20_000; i++) run('', [of(1), EMPTY, throwError(() => 'broken')][i % 3]);
      run('last', of(1), () => run('within', of(1)));
      first.complete();
      expect(began).to.have.length(20_003);
      expect(began.slice(-2)).to.deep.equal(['last', 'within']);
    }),
  );
});
