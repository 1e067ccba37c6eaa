import { expect } from 'chai';
import { NEVER, of, throwError } from 'rxjs';
import type { MarbleHelpers } from '../../../lib/testing/marbles/marbles.js';
import { failureOf } from './failure-of.js';

describe('a marble test that does not hold', () => {
  it('says in which expectation, lists both sides frame by frame and marks what differs', () => {
    const { name, message } = failureOf(({ cold, expectObservable }) => {
      expectObservable(cold('a|')).toBe('a|');
      expectObservable(cold('-a-b|')).toBe('-a--(b|)');
    });

    expect(name).to.equal('AssertionError');
    expect(message.split('\n')).to.deep.equal([
      'expectObservable 2 does not hold',
      '  frame: 3 is not 4',
      '  actual:',
      '         1 ms  next "a"',
      '  >      3 ms  next "b"',
      '         4 ms  complete',
      '  expected:',
      '         1 ms  next "a"',
      '  >      4 ms  next "b"',
      '         4 ms  complete',
    ]);
  });

  it('points at the line of the expectation', () => {
    const { stack } = failureOf(({ cold, expectObservable }) => {
      expectObservable(cold('a|')).toBe('b|');
    });

    expect(stack?.split('\n').find((line) => line.startsWith('    at '))).to.contain('expectations.spec.ts');
  });

  for (const [what, test] of Object.entries<(helpers: MarbleHelpers) => void>({
    'a value': ({ cold, expectObservable }) => expectObservable(cold('-a|')).toBe('-b|'),
    'a field deep in a value': ({ expectObservable }) => expectObservable(of({ a: { b: 1 } })).toBe('(a|)', { a: { a: { b: 2 } } }),
    'a missing value': ({ expectObservable }) => expectObservable(NEVER).toBe('-a'),
    'a value too many': ({ cold, expectObservable }) => expectObservable(cold('-a-b')).toBe('-a'),
    'a missing end': ({ cold, expectObservable }) => expectObservable(cold('-a-')).toBe('-a|'),
    'an error that is not expected': ({ cold, expectObservable }) => expectObservable(cold('-a#')).toBe('-a|'),
    'a field of an error': ({ expectObservable }) =>
      expectObservable(throwError(() => Object.assign(new Error('no'), { shardId: '0' }))).toBe(
        '#',
        undefined,
        Object.assign(new Error('no'), { shardId: '1' }),
      ),
    'another Observable': ({ cold, expectObservable }) => expectObservable(cold<string>('-a|')).toEqual(cold('-b|')),
    'an inner Observable': ({ cold, expectObservable }) => expectObservable(of(cold('-a|'))).toBe('(x|)', { x: cold('-b|') }),
    'a subscription': ({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a|');
      expectObservable(source).toBe('-a|');
      expectSubscriptions(source.subscriptions).toBe('^-----!');
    },
    'a subscription that never was': ({ cold, expectSubscriptions }) => expectSubscriptions(cold('-a|').subscriptions).toBe('^-!'),
    'a throw in a subscriber': ({ cold }) =>
      void cold('-a|').subscribe(() => {
        throw new Error('no');
      }),
    'a throw in the callback': () => {
      throw new Error('no');
    },
  })) {
    it(`fails by ${what}`, () => {
      failureOf(test);
    });
  }

  it('lists subscriptions too', () => {
    const { message } = failureOf(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('-a-');
      expectObservable(source).toBe('-a-');
      expectSubscriptions(source.subscriptions).toBe(['^-!', '-^']);
    });

    expect(message.split('\n')).to.deep.equal([
      'expectSubscriptions 1 does not hold',
      '  unsubscribedFrame: Infinity is not 2',
      '  actual:',
      '  > subscribed 0 ms, unsubscribed never',
      '  expected:',
      '  > subscribed 0 ms, unsubscribed 2 ms',
      '  > subscribed 1 ms, unsubscribed never',
    ]);
  });

  it('cuts long lists around the first difference', () => {
    const { message } = failureOf(({ cold, expectObservable }) => {
      expectObservable(cold('a'.repeat(50) + 'b' + 'a'.repeat(50))).toBe('a'.repeat(101));
    });

    expect(message).to.contain('… 40 before').and.to.contain('… 41 after').and.to.contain('>     50 ms  next "b"');
  });
});
