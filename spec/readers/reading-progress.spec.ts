import { expect } from 'chai';
import { ReadingProgress } from '../../lib/readers/reading-progress.js';
import { recordFields } from '../support/record-fields.js';

/** A page in short: the number of its last record, or its lag where it is empty. */
const page = ({ last, lag }: { last?: number; lag?: number }) => ({
  records: last === undefined ? [] : [recordFields(last)],
  millisBehindLatest: lag,
});

describe('ReadingProgress', () => {
  it('sees a later record as nearer, and no earlier one', () => {
    const progress = new ReadingProgress();
    expect([5, 5, 4, 6].map((last) => progress.isNearer(page({ last })))).to.deep.equal([true, false, false, true]);
  });

  it('sees less lag than ever since the last record as nearer', () => {
    const progress = new ReadingProgress();
    expect([50, 60, 50, 49, 55, 0, 0].map((lag) => progress.isNearer(page({ lag })))).to.deep.equal([
      true,
      false,
      false,
      true,
      false,
      true,
      false,
    ]);
    progress.isNearer(page({ last: 1 }));
    expect(progress.isNearer(page({ lag: 70 }))).to.equal(true);
  });

  it('sees nothing in a page without records and lag', () => {
    expect(new ReadingProgress().isNearer(page({}))).to.equal(false);
  });

  it('measures by the lag of an earlier reading after a jump', () => {
    const progress = new ReadingProgress();
    progress.jumped(30);
    expect([50, 30, 29].map((lag) => progress.isNearer(page({ lag })))).to.deep.equal([false, false, true]);
    expect(progress.behindMs).to.equal(29);
  });

  it('lets the same pages be progress once more when they are read again, and not for ever', () => {
    const progress = new ReadingProgress();
    const lags = (...values: number[]) => values.map((lag) => progress.isNearer(page({ lag })));
    lags(50, 40, 30);
    progress.startedOver();
    expect(lags(50, 40)).to.deep.equal([true, true]);
    progress.startedOver();
    expect(lags(50, 40)).to.deep.equal([false, false]);
    expect(lags(29)).to.deep.equal([true]);
    progress.startedOver();
    expect(lags(50)).to.deep.equal([true]);
    expect(progress.behindMs).to.equal(29);
  });
});
