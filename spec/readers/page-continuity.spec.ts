import { expect } from 'chai';
import { isRangeExpired } from '../../lib/kinesis/errors.js';
import type { GetRecordsPage } from '../../lib/kinesis/port.js';
import { FOREIGN, PageContinuity, REOPEN } from '../../lib/readers/page-continuity.js';
import type { ReadContext, ReadStart } from '../../lib/readers/reader.js';
import { aggregate, fakeKinesis } from '../../lib/testing/index.js';
import { readContext } from '../support/read-context.js';
import { thrownBy } from '../support/thrown-by.js';

const HORIZON: ReadStart = { type: 'TRIM_HORIZON' };

function after(sequenceNumber: number, subSequenceNumber = 0): ReadStart {
  return { type: 'AFTER', position: { sequenceNumber: String(sequenceNumber), subSequenceNumber } };
}

/** After a record that this process has read. */
function proven(sequenceNumber: number, subSequenceNumber = 0): ReadStart {
  return { ...after(sequenceNumber, subSequenceNumber), isProven: true } as ReadStart;
}

function pageOf(...numbers: readonly number[]): GetRecordsPage {
  const Records = numbers.map((number) => ({ SequenceNumber: String(number), PartitionKey: '', Data: new Uint8Array() }));
  return { Records, NextShardIterator: 'next', MillisBehindLatest: 0 };
}

/** A page with one KPL aggregate of so many user records. */
function aggregateOf(number: number, count: number): GetRecordsPage {
  const Data = aggregate(Array.from({ length: count }, () => ({ partitionKey: 'k', data: 'd' })));
  return { ...pageOf(number), Records: [{ SequenceNumber: String(number), PartitionKey: 'a', Data }] };
}

/** A continuity that was opened at its start, and its events; `accept` tells what is taken, as numbers. */
function opened(start: ReadStart, fields: Partial<ReadContext> = {}) {
  const context = readContext(fakeKinesis({ shards: { 0: '' } }), fields);
  const continuity = new PageContinuity(context, start);
  continuity.opened();
  const accept = (page: GetRecordsPage, ended = false): string => {
    const accepted = continuity.accept(page, ended);
    if (typeof accepted === 'symbol') return accepted === REOPEN ? 'reopen' : 'foreign';
    return accepted.map((record) => [record.sequenceNumber, record.subSequenceNumber || undefined].filter(Boolean).join('.')).join(' ');
  };
  return { continuity, accept, events: context.events };
}

describe('PageContinuity', () => {
  it('starts where it is told, and has a position where that is a record', () => {
    for (const start of [HORIZON, after(5), { type: 'AT_TIMESTAMP', timestamp: new Date(0) }] as const)
      expect(opened(start).continuity.start).to.deep.equal(start);
    expect(opened(HORIZON).continuity.position).to.equal(undefined);
    expect(opened(after(5, 2)).continuity.position).to.deep.equal({ sequenceNumber: '5', subSequenceNumber: 2 });
  });

  it('takes every record from the oldest on, and moves behind the last', () => {
    const { continuity, accept } = opened(HORIZON);
    expect([accept(pageOf(1, 2)), accept(pageOf()), accept(pageOf(3))]).to.deep.equal(['1 2', '', '3']);
    expect(continuity.start).to.deep.equal(proven(3));
  });

  it('drops what is known up to the record that it starts after, within an aggregate too', () => {
    expect(opened(after(5)).accept(pageOf(5, 6))).to.equal('6');
    expect(opened(after(5, 1)).accept(aggregateOf(5, 4))).to.equal('5.2 5.3');
    expect(opened(after(5, 9)).accept(aggregateOf(5, 4))).to.equal('');
  });

  it('keeps the record that it starts at', () => {
    expect(opened({ type: 'AT', position: { sequenceNumber: '5', subSequenceNumber: 0 } }).accept(pageOf(5, 6))).to.equal('5 6');
  });

  it('does not move back for a page of known records', () => {
    const { continuity, accept } = opened(after(5, 9));
    accept(aggregateOf(5, 4));
    expect(continuity.start).to.deep.equal(proven(5, 9));
  });

  it('looks at the oldest record when another comes than the one it starts after, and takes nothing until it knows', () => {
    const { continuity, accept, events } = opened(after(5), { onGap: 'continue' });
    expect(accept(pageOf(8, 9))).to.equal('reopen');
    expect([continuity.start, continuity.looksAtOldest]).to.deep.equal([HORIZON, true]);
    continuity.opened();
    expect(accept(pageOf(7, 8))).to.equal('7 8');
    expect(events.map((event) => event.type === 'gap' && [event.from.sequenceNumber, event.firstAvailable?.sequenceNumber])).to.deep.equal([
      ['5', '7'],
    ]);
    expect([continuity.start, continuity.looksAtOldest]).to.deep.equal([proven(8), false]);
  });

  it('fails where the policy says so', () => {
    const { continuity, accept } = opened(after(5));
    accept(pageOf(8));
    continuity.opened();
    expect(isRangeExpired(thrownBy(() => accept(pageOf(7))))).to.equal(true);
  });

  it('finds the gap again on the same page when onGap has thrown', () => {
    const failure = new Error('of onGap');
    let asked = 0;
    const onGap = () => {
      if (asked++ === 0) throw failure;
      return 'continue' as const;
    };
    const { continuity, accept, events } = opened(after(5), { onGap });
    accept(pageOf(8));
    continuity.opened();
    expect(thrownBy(() => accept(pageOf(7)))).to.equal(failure);
    expect(accept(pageOf(7))).to.equal('7');
    expect([asked, events.map(({ type }) => type)]).to.deep.equal([2, ['gap']]);
  });

  it('asks for the record again when an older one is there, and takes nothing that is older', () => {
    const { continuity, accept } = opened(after(5));
    expect(continuity.refused()).to.equal(REOPEN);
    continuity.opened();
    expect(accept(pageOf(3, 4))).to.equal('reopen');
    expect([continuity.start, continuity.looksAtOldest, continuity.olderRecord]).to.deep.equal([after(5), false, '3']);
    continuity.opened();
    expect(accept(pageOf(5, 6))).to.equal('6');
  });

  it('finds a record foreign that does not come then either', () => {
    const refusedTwice = opened(after(5));
    refusedTwice.continuity.refused();
    refusedTwice.accept(pageOf(3));
    expect(refusedTwice.continuity.refused()).to.equal(FOREIGN);

    const { accept, events } = opened(after(5), { onGap: 'continue' });
    expect([accept(pageOf(3)), accept(pageOf(3, 8))]).to.deep.equal(['reopen', 'foreign']);
    expect(events).to.deep.equal([]);
  });

  it('knows a record that it has read itself: older ones that come again are dropped', () => {
    const { continuity, accept } = opened(HORIZON);
    accept(pageOf(1, 2, 3));
    continuity.opened();
    expect(accept(pageOf(1, 2, 3, 4))).to.equal('4');
  });

  it('knows the record that it was told, once it has come', () => {
    const { continuity, accept } = opened(after(5));
    accept(pageOf(5));
    continuity.opened();
    expect(accept(pageOf(4, 5, 6))).to.equal('6');
  });

  it('knows a record that this process has read: after eighteen empty pages it looks for it among all', () => {
    const pages = [pageOf(), pageOf(), pageOf(), pageOf(3), ...Array.from({ length: 15 }, () => pageOf()), pageOf(3, 4, 5, 6)];
    const outcome = (start: ReadStart): string[] => {
      const { continuity, accept } = opened(start);
      return pages.map((page) => {
        const accepted = accept(page);
        if (accepted === 'reopen') continuity.opened();
        return accepted;
      });
    };
    expect(outcome(after(5))).to.include('foreign');
    expect(outcome(proven(5)).filter(Boolean)).to.deep.equal(['reopen', 'reopen', 'reopen', '6']);
  });

  it('tells when the record that it was told has come, once, and not of another', () => {
    const told = (...pages: readonly GetRecordsPage[]): number => {
      let times = 0;
      const { accept } = opened({ ...after(5), noteSeen: () => times++ } as ReadStart, { onGap: 'continue' });
      for (const page of pages) accept(page);
      return times;
    };
    expect([told(pageOf(5)), told(pageOf(5, 6)), told(pageOf(), pageOf(5), pageOf(6))]).to.deep.equal([1, 1, 1]);
    expect([told(pageOf()), told(pageOf(3), pageOf(3)), told(pageOf(7), pageOf(7, 8))]).to.deep.equal([0, 0, 0]);
  });

  it('does not know the record that it is told to seek', () => {
    const { continuity, accept } = opened(HORIZON);
    accept(pageOf(1, 2, 3));
    continuity.seek(after(9));
    continuity.opened();
    expect(accept(pageOf(3))).to.equal('reopen');
  });

  it('goes on as from the oldest record when a trimmed one, which nobody has seen, was passed over', () => {
    const { continuity, accept, events } = opened(after(9), { onGap: 'continue' });
    continuity.refused();
    continuity.opened();
    const stuck = { ...pageOf(), MillisBehindLatest: 5_000 };
    for (let i = 0; i < 16; i++) expect(accept(stuck)).to.equal('');
    expect(events).to.have.length(1);
    expect(accept(pageOf(3, 10))).to.equal('3 10');
  });

  it('sees pages that go back, since it was opened', () => {
    const { continuity, accept } = opened(HORIZON);
    accept(pageOf(1, 2));
    expect([continuity.goesBack(pageOf(2, 3)), continuity.goesBack(pageOf(3)), continuity.goesBack(pageOf())]).to.deep.equal([
      true,
      false,
      false,
    ]);
    continuity.opened();
    expect(continuity.goesBack(pageOf(2, 3))).to.equal(false);
    accept(pageOf(3));
    continuity.seek(after(1));
    expect(continuity.goesBack(pageOf(2, 3))).to.equal(false);
  });
});
