import { expect } from 'chai';
import fc from 'fast-check';
import { blockIdIn, blockName } from '../../lib/blocks/block-name.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { HOSTILE_IDS } from '../support/block-store-contract.js';
import { thrownBy } from '../support/thrown-by.js';

describe('blockName', () => {
  it('keeps what is plain, and escapes the rest by its bytes', () => {
    expect(blockName('flights/shardId-000000000000/495-496.3/12+1-ab')).to.equal('flights!2fshardId-000000000000!2f495-496.3!2f12!2b1-ab');
    expect(blockName('é!')).to.equal('!c3!a9!21');
  });

  it('gives every hostile id a name that is a plain file name, and back', () => {
    for (const id of HOSTILE_IDS) {
      expect(blockName(id), id).to.match(/^(?!\.)[A-Za-z0-9._!-]+$/);
      expect(blockIdIn(blockName(id)), JSON.stringify(id)).to.equal(id);
    }
  });

  it('gives every text back, and no two texts the same name', () => {
    const ids = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(ids, ids, (a, b) => {
        expect(blockIdIn(blockName(a))).to.equal(a);
        expect(blockName(a) === blockName(b)).to.equal(a === b);
      }),
    );
  });

  it('refuses no text, half a character and 10 kB', () => {
    for (const id of ['', '\ud800', 'a\udc00', 'x'.repeat(10_000), '✈'.repeat(200)]) {
      expect(
        thrownBy(() => blockName(id)),
        id.slice(0, 10),
      ).to.satisfy(isInvalidValue);
    }
  });

  it('knows no id for a foreign name: one escaped otherwise, no UTF-8, or with a path', () => {
    for (const name of ['', 'a b', 'a/b', '..', '.x', '!41', '!2F', '!2', '!ff', '%2f', 'x'.repeat(1_000), 'a\0']) {
      expect(blockIdIn(name), name.slice(0, 10)).to.equal(undefined);
    }
  });
});
