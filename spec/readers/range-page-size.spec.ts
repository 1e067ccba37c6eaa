import { expect } from 'chai';
import { JUMP_BYTES, RangePageSize } from '../../lib/readers/range-page-size.js';

/** A page of plain records: `x` is picked, `-` is not. */
function readPage(size: RangePageSize, pattern: string, bytesPerRecord = 1): void {
  [...pattern].forEach((letter, i) => size.count(`${pattern.length}.${i}`, letter === 'x'));
  size.endPage(pattern.length * bytesPerRecord);
}

describe('RangePageSize', () => {
  it('asks at first for what the ranges hold, within its limits', () => {
    expect(new RangePageSize(10_000).next(37, 5)).to.equal(37);
    expect(new RangePageSize(10_000).next(20_000, 5)).to.equal(10_000);
    expect(new RangePageSize(10).next(37, 5)).to.equal(10);
  });

  it('asks for as many more as lay between, so far', () => {
    const size = new RangePageSize(10_000);
    readPage(size, 'x---------');
    expect(size.next(9, 9)).to.equal(90);
    readPage(size, 'xxxxxxxxxx');
    expect(size.next(11, 11)).to.equal(20);
  });

  it('asks for fewer where user records come many in one', () => {
    const size = new RangePageSize(10_000);
    for (let i = 0; i < 100; i++) size.count('7', true);
    size.endPage(100);
    expect(size.next(1_000, 1_000)).to.equal(10);
    expect(size.next(1, 1)).to.equal(1);
  });

  it('asks for no more than the nearest ranges, and a look behind them, once ranges are far', () => {
    const size = new RangePageSize(10_000);
    readPage(size, `x${'-'.repeat(9)}`, JUMP_BYTES / 8);
    expect(size.next(100, 10)).to.equal(10 + 2);
    readPage(size, 'x-'.repeat(100), JUMP_BYTES / 8);
    expect(size.next(100, 10)).to.be.within(150, 250);
  });

  it('finds a jump worth it behind so many bytes of one gap', () => {
    const size = new RangePageSize(10_000);
    readPage(size, 'x---', JUMP_BYTES / 4);
    expect(size.isNextFar(true)).to.equal(false);
    readPage(size, '-', JUMP_BYTES / 4);
    expect(size.isNextFar(true)).to.equal(true);
    size.jumped();
    expect(size.isNextFar(true)).to.equal(false);
  });

  it('finds none worth it behind a gap that is over', () => {
    const size = new RangePageSize(10_000);
    readPage(size, 'x---x---x---x', JUMP_BYTES / 8);
    readPage(size, '--', JUMP_BYTES / 8);
    expect(size.isNextFar(true)).to.equal(false);
  });

  it('always asks for a record', () => {
    expect(new RangePageSize(10_000).next(0, 0)).to.equal(1);
  });
});
