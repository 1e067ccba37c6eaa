import { expect } from 'chai';
import { ALL_HASH_KEYS, coverRange, hashKeyHoles } from '../../lib/leases/hash-keys.js';
import { hashKeys } from '../support/lease-rows.js';

describe('hash key ranges', () => {
  const max = 2n ** 128n - 1n;

  it('leave no hole when they are whole, in any order and overlapping', () => {
    expect(hashKeyHoles([hashKeys(2n ** 127n, max), hashKeys(0, 2n ** 127n + 5n)])).to.deep.equal([]);
    expect(ALL_HASH_KEYS.endingHashKey).to.equal('340282366920938463463374607431768211455');
  });

  it('show the holes between, before and behind', () => {
    expect(hashKeyHoles([hashKeys(10, 19), hashKeys(30, 39)], hashKeys(0, 50))).to.deep.equal([
      hashKeys(0, 9),
      hashKeys(20, 29),
      hashKeys(40, 50),
    ]);
    expect(hashKeyHoles([], hashKeys(3, 7))).to.deep.equal([hashKeys(3, 7)]);
  });

  it('may go beyond what they are to cover', () => {
    expect(coverRange([hashKeys(0, 100)], hashKeys(40, 60))).to.equal(true);
    expect(coverRange([hashKeys(0, 10), hashKeys(90, 100)], hashKeys(40, 60))).to.equal(false);
    expect(hashKeyHoles([hashKeys(0, 45), hashKeys(70, 100)], hashKeys(40, 60))).to.deep.equal([hashKeys(46, 60)]);
    expect(coverRange([hashKeys(50, 60)], hashKeys(40, 60))).to.equal(false);
  });

  it('count a range that lies within another', () => {
    expect(coverRange([hashKeys(0, 100), hashKeys(20, 30)], hashKeys(0, 100))).to.equal(true);
  });
});
