import { expect } from 'chai';
import { isObject } from '../../lib/values/isObject.js';

describe('isObject', () => {
  it('takes what may have properties of its own, also without a prototype', () => {
    expect([{}, [], new Map(), () => 0, class {}, Object.create(null)].map(isObject)).to.deep.equal(Array(6).fill(true));
  });

  it('takes nothing else', () => {
    expect([undefined, null, 0, '', 'text', true, 1n, Symbol('s')].map(isObject)).to.deep.equal(Array(8).fill(false));
  });
});
