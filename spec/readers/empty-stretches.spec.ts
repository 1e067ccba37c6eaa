import { expect } from 'chai';
import { EmptyStretches } from '../../lib/readers/empty-stretches.js';
import type { ReadStart } from '../../lib/readers/reader.js';

const start = (number: number, type: 'AFTER' | 'AT' = 'AFTER', subSequenceNumber = 0): ReadStart => ({
  type,
  position: { sequenceNumber: String(number), subSequenceNumber },
});

describe('EmptyStretches', () => {
  it('keeps the newest iterator of each place', () => {
    const stretches = new EmptyStretches();
    stretches.extend({ start: start(1), iterator: 'a' }, 50);
    stretches.extend({ start: start(1), iterator: 'b' }, 40);
    expect(stretches.from(start(1))).to.deep.equal({ iterator: 'b', behindMs: 40 });
  });

  it('tells places apart', () => {
    const stretches = new EmptyStretches();
    stretches.extend({ start: start(1), iterator: 'a' }, 50);
    expect([start(2), start(1, 'AT'), start(1, 'AFTER', 1)].map((place) => stretches.from(place))).to.deep.equal([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('keeps nothing of a place that is not the same later, and nothing without an iterator', () => {
    const stretches = new EmptyStretches();
    stretches.extend({ start: { type: 'TRIM_HORIZON' }, iterator: 'a' }, 50);
    stretches.extend({ start: start(1), iterator: undefined }, 50);
    expect([stretches.from({ type: 'TRIM_HORIZON' }), stretches.from(start(1))]).to.deep.equal([undefined, undefined]);
  });

  it('forgets one, and all', () => {
    const stretches = new EmptyStretches();
    for (const number of [1, 2, 3]) stretches.extend({ start: start(number), iterator: 'a' }, 50);
    stretches.forget(start(2));
    expect([1, 2, 3].map((number) => stretches.from(start(number))?.iterator)).to.deep.equal(['a', undefined, 'a']);
    stretches.clear();
    expect(stretches.from(start(1))).to.equal(undefined);
  });

  it('does not grow: it keeps the hundred newest', () => {
    const stretches = new EmptyStretches();
    for (let number = 1; number <= 150; number++) stretches.extend({ start: start(number), iterator: 'a' }, 50);
    stretches.extend({ start: start(51), iterator: 'b' }, 50);
    stretches.extend({ start: start(151), iterator: 'a' }, 50);
    const kept = Array.from({ length: 151 }, (_, i) => i + 1).filter((number) => stretches.from(start(number)));
    expect([kept.length, kept.includes(50), kept.includes(51), kept.includes(52)]).to.deep.equal([100, false, true, false]);
  });
});
