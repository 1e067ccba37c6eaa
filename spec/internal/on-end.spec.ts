import { expect } from 'chai';
import { concat, of, Subject, take, tap, throwError, type Observable } from 'rxjs';
import { onEnd, type EndKind } from '../../lib/internal/on-end.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

const ERROR = new Error('thrown');

/** The kinds that were heard, in order, for a call of `onEnd`. */
function ear(): { readonly heard: EndKind[]; readonly hear: (kind: EndKind) => void } {
  const heard: EndKind[] = [];
  return { heard, hear: (kind) => void heard.push(kind) };
}

describe('onEnd', () => {
  const ends: readonly (readonly [what: string, source: string, unsubscribe: string | undefined, emits: string, kinds: EndKind[]])[] = [
    ['completes', '-a-b|', undefined, '-a-b|', ['complete']],
    ['is empty', '|', undefined, '|', ['complete']],
    ['errors', '-a-#', undefined, '-a-#', ['error']],
    ['errors at once', '#', undefined, '#', ['error']],
    ['never ends', '-a--', undefined, '-a--', []],
    ['is unsubscribed', '-a-b-', '--!', '-a-', ['unsubscribe']],
    ['is unsubscribed after it completed', '-a|', '-----!', '-a|', ['complete']],
    ['is unsubscribed after it errored', '-a#', '-----!', '-a#', ['error']],
  ];
  for (const [what, source, unsubscribe, emits, kinds] of ends) {
    it(
      `tells of the end of a source that ${what}`,
      marbles(({ cold, expectObservable, flush }) => {
        const { heard, hear } = ear();
        const never = kinds.length === 0;
        expectObservable(cold(source).pipe(onEnd(hear)), never ? '^---------' : unsubscribe).toBe(emits);
        // Before the runner unsubscribes what never ends.
        flush();
        expect(heard).to.deep.equal(kinds);
      }),
    );
  }

  it(
    'tells of the end in the frame in which it comes, before it is passed on',
    marbles(({ cold, scheduler, flush }) => {
      const log: string[] = [];
      const note = (what: string) => (kind?: EndKind) => void log.push(`${scheduler.now()} ${kind ?? what}`);
      const subscribe = (source: Observable<string>) =>
        source
          .pipe(onEnd(note('')), tap({ complete: note('passed on'), error: () => note('passed on')() }))
          .subscribe({ error: () => undefined });
      subscribe(cold('--|'));
      subscribe(cold('----#'));
      flush();
      expect(log).to.deep.equal(['2 complete', '2 passed on', '4 error', '4 passed on']);
    }),
  );

  it('takes the end of a synchronous source that is cut off for an unsubscription', () => {
    const { heard, hear } = ear();
    const values: number[] = [];
    of(1, 2, 3)
      .pipe(onEnd(hear), take(2))
      .subscribe((value) => values.push(value));
    expect(values).to.deep.equal([1, 2]);
    expect(heard).to.deep.equal(['unsubscribe']);
  });

  it('tells of it once when what it is told makes the consumer unsubscribe', () => {
    for (const end of ['complete', 'error'] as const) {
      const source = new Subject<number>();
      const heard: EndKind[] = [];
      const subscription = source
        .pipe(
          onEnd((kind) => {
            heard.push(kind);
            subscription.unsubscribe();
          }),
        )
        .subscribe({ error: () => undefined });
      source[end](undefined);
      expect(heard).to.deep.equal([end]);
      expect(source.observed).to.equal(false);
    }
  });

  it(
    'passes on as an error what is thrown at the end, and tells nothing more',
    marbles(({ cold, expectObservable, flush }) => {
      const heard: EndKind[] = [];
      const thrower = (kind: EndKind) => {
        heard.push(kind);
        throw ERROR;
      };
      for (const source of ['-a|', '-a#']) expectObservable(cold(source).pipe(onEnd(thrower))).toBe('-a#', undefined, ERROR);
      flush();
      expect(heard).to.deep.equal(['complete', 'error']);
    }),
  );

  it(
    'tells of each subscription: of two at once, and of one after the other',
    marbles(({ hot, cold, expectObservable, flush }) => {
      const { heard, hear } = ear();
      const shared = hot('--a--b--|').pipe(onEnd(hear));
      expectObservable(shared, '^--!').toBe('--a-');
      expectObservable(shared).toBe('--a--b--|');
      const again = ear();
      const once = cold('-|').pipe(onEnd(again.hear));
      expectObservable(concat(once, once)).toBe('--|');
      flush();
      expect(heard).to.deep.equal(['unsubscribe', 'complete']);
      expect(again.heard).to.deep.equal(['complete', 'complete']);
    }),
  );

  it('tells of an error that is there at once', () => {
    const { heard, hear } = ear();
    throwError(() => ERROR)
      .pipe(onEnd(hear))
      .subscribe({ error: () => undefined });
    expect(heard).to.deep.equal(['error']);
  });
});
