import { expect } from 'chai';
import { concat, defer, NEVER, of, retry, throwError, timer, type Observable } from 'rxjs';
import { FirstContact } from '../../lib/internal/first-contact.js';
import { marbles } from '../../lib/testing/index.js';
import { isUnreachable } from '../../lib/values/errors.js';

const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
const noRegion = new Error('Region is missing');

/** Calls until that errors otherwise, a second apart; what it ended with. */
function calling(answers: (call: number) => Observable<unknown>, contact: FirstContact): { readonly ends: unknown[] } {
  const ends: unknown[] = [];
  let calls = 0;
  defer(() => answers(++calls))
    .pipe(
      contact.watch(),
      retry({ delay: (error: unknown) => (isUnreachable(error) || calls === 100 ? throwError(() => error) : timer(1_000)) }),
    )
    .subscribe({ error: (error: unknown) => ends.push(error, calls) });
  return { ends };
}

describe('FirstContact', () => {
  it(
    'waits five seconds for a service that is not up yet, then says what to do',
    marbles(({ scheduler, flush }) => {
      const { ends } = calling(() => throwError(() => refused), new FirstContact('Kinesis', scheduler));
      flush();
      expect(ends[0]).to.satisfy(isUnreachable);
      expect(ends[0]).to.include({ retriable: false, service: 'Kinesis', cause: refused });
      expect((ends[0] as Error).message).to.match(/^Kinesis cannot be reached: nothing listens/);
      expect(ends[1]).to.equal(6);
    }),
  );

  it(
    'says at once what cannot pass',
    marbles(({ scheduler, flush }) => {
      const { ends } = calling(() => throwError(() => noRegion), new FirstContact('the store', scheduler));
      flush();
      expect(ends[1]).to.equal(1);
    }),
  );

  it(
    'passes on every fault once the service has answered, also of another call',
    marbles(({ scheduler, flush }) => {
      const contact = new FirstContact('Kinesis', scheduler);
      of(1).pipe(contact.watch()).subscribe();
      const { ends } = calling(() => throwError(() => refused), contact);
      flush();
      expect(ends).to.deep.equal([refused, 100]);
    }),
  );

  it(
    'passes on other faults, and values as they are',
    marbles(({ scheduler, cold, expectObservable }) => {
      expectObservable(cold('-a-#', undefined, 'reset').pipe(new FirstContact('Kinesis', scheduler).watch())).toBe(
        '-a-#',
        undefined,
        'reset',
      );
      expectObservable(concat(of('a'), NEVER).pipe(new FirstContact('Kinesis', scheduler).watch()), '^--!').toBe('a---');
    }),
  );

  it(
    'is not misled by a clock that is set back',
    marbles(({ scheduler, flush }) => {
      const now = scheduler.now.bind(scheduler);
      let backMs = 0;
      scheduler.now = () => now() - backMs;
      const { ends } = calling(
        (call) => (call === 2 && (backMs = 3_600_000), throwError(() => refused)),
        new FirstContact('Kinesis', scheduler),
      );
      flush();
      scheduler.now = now;
      expect(ends[0]).to.satisfy(isUnreachable);
    }),
  );
});
