import { expect } from 'chai';
import { shown } from '../../lib/values/shown.js';

describe('shown', () => {
  it('quotes the beginning of a text, on one line', () => {
    expect(shown('a\nb')).to.equal('"a\\nb"');
    expect(shown('x'.repeat(1_000))).to.equal(`"${'x'.repeat(40)}"`);
  });

  it('names only the kind of what may have methods of its own', () => {
    const shouting = () => 'anything';
    expect([{ toString: shouting }, [1], shouting].map(shown)).to.deep.equal(['object', 'object', 'function']);
  });

  it('prints what has none', () => {
    expect([1.5, NaN, true, null, undefined, 10n, Symbol('s')].map(shown)).to.deep.equal([
      ...['1.5', 'NaN', 'true', 'null', 'undefined', '10', 'Symbol(s)'],
    ]);
  });
});
