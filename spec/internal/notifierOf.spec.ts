import { expect } from 'chai';
import { EMPTY, NEVER, of, Subject } from 'rxjs';
import { abortedBy, notifierOf } from '../../lib/internal/notifierOf.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

/** How often a notifier has emitted by now. */
function watched(notifier: unknown): { readonly count: number; unsubscribe(): void } {
  const seen = { count: 0, unsubscribe: () => subscription.unsubscribe() };
  const subscription = notifierOf('stop', notifier as never).subscribe(() => seen.count++);
  return seen;
}

describe('notifierOf', () => {
  it('never emits without a notifier', () => {
    expect(notifierOf('stop', undefined)).to.equal(NEVER);
  });

  it('takes what RxJS takes', async () => {
    const stop$ = new Subject<void>();
    const seen = watched(stop$);
    expect(seen.count).to.equal(0);
    stop$.next();
    expect(seen.count).to.equal(1);
    expect(watched(of(1)).count).to.equal(1);
    expect(watched([1]).count).to.equal(1);
    expect(watched(EMPTY).count).to.equal(0);
    const later = watched(Promise.resolve());
    await new Promise((resolve) => setImmediate(resolve));
    expect(later.count).to.equal(1);
  });

  it('emits when an AbortSignal is aborted, at once when it is already, and listens no longer than it is subscribed', () => {
    const controller = new AbortController();
    const added: string[] = [];
    const removed: string[] = [];
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    Object.assign(signal, {
      addEventListener: (type: string, ...rest: [never]) => (added.push(type), add(type, ...rest)),
      removeEventListener: (type: string, ...rest: [never]) => (removed.push(type), remove(type, ...rest)),
    });
    const gone = watched(signal);
    gone.unsubscribe();
    expect([added, removed]).to.deep.equal([['abort'], ['abort']]);

    const seen = watched(signal);
    controller.abort();
    expect([gone.count, seen.count]).to.deep.equal([0, 1]);
    expect(watched(signal).count).to.equal(1);
    const again: unknown[] = [];
    abortedBy(signal).subscribe({ next: (value) => again.push(value), complete: () => again.push('complete') });
    expect(again).to.have.length(2);
  });

  const NO_NOTIFIERS: Readonly<Record<string, unknown>> = {
    'a function': () => true,
    'a number': 5,
    'a text, which RxJS would take letter by letter': 'SIGTERM',
    null: null,
    'an emitter of events': process,
    'an object': {},
    true: true,
  };
  for (const [what, notifier] of Object.entries(NO_NOTIFIERS)) {
    it(`refuses ${what}`, () => {
      const error = thrownBy(() => notifierOf('stop', notifier as never));
      expect(error).to.satisfy(isInvalidConfig);
      expect((error as Error).message).to.match(/^stop: expected an Observable, a promise or an AbortSignal/);
    });
  }
});
