import { expect } from 'chai';
import { Entries, type LedgerEntry } from '../../lib/ledger/entries.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { rangeOf } from '../support/ranges.js';

/** An entry of one run; a record has the number of its ordinal and ten bytes. */
function entryOf(from: number, to = from): LedgerEntry {
  const records = to - from + 1;
  const range = rangeOf(from, to, records);
  const runs = [{ range, firstOrdinal: from, lastOrdinal: to, bytes: records * 10, bytesThrough: to * 10 }];
  const end = { sequenceNumber: String(to), subSequenceNumber: 0 };
  return { key: new SequenceNumberRanges([range]), runs, end, records, bytes: records * 10, state: 'open' };
}

function entriesWith(...all: ReadonlyArray<LedgerEntry>): Entries {
  const entries = new Entries();
  all.forEach((entry) => entries.add(entry));
  return entries;
}

describe('Entries', () => {
  it('counts the open ones, and what they hold: those behind an open one too', () => {
    const [a, b] = [entryOf(1, 3), entryOf(4)];
    const entries = entriesWith(a, b, { ...entryOf(5), state: 'settled' });
    expect([entries.open, entries.heldRecords, entries.heldBytes]).to.deep.equal([2, 5, 50]);
    expect(entries.openEntries()).to.deep.equal([a, b]);

    entries.close(a, 'settled');
    entries.takeSettledPrefix();
    expect([entries.open, entries.heldRecords, entries.heldBytes, a.state]).to.deep.equal([1, 2, 20, 'settled']);
    entries.close(b, 'settled');
    entries.takeSettledPrefix();
    expect([entries.open, entries.heldRecords, entries.heldBytes]).to.deep.equal([0, 0, 0]);
  });

  it('gives the end of the settled prefix once', () => {
    const [a, b, c] = [entryOf(1), entryOf(2, 3), entryOf(4)];
    const entries = entriesWith(a, b, c);
    entries.close(b, 'settled');
    expect(entries.takeSettledPrefix()).to.equal(undefined);
    entries.close(a, 'settled');
    expect(entries.takeSettledPrefix()).to.equal(b.end);
    expect(entries.takeSettledPrefix()).to.equal(undefined);
    entries.close(c, 'settled');
    expect(entries.takeSettledPrefix()).to.equal(c.end);
  });

  it('names the one that holds the others, only while there are others', () => {
    const [a, b, c] = [entryOf(1), entryOf(2), entryOf(3)];
    const entries = entriesWith(a, b, c);
    expect(entries.holding()).to.equal(undefined);
    entries.close(c, 'settled');
    expect(entries.holding()).to.equal(a);
    entries.close(a, 'settled');
    entries.takeSettledPrefix();
    expect(entries.holding()).to.equal(b);
  });

  it('names none for what is settled without a block', () => {
    expect(entriesWith(entryOf(1), { ...entryOf(2), runs: [], state: 'settled' }).holding()).to.equal(undefined);
  });

  it('joins the ranges of neighbours', () => {
    const all = [entryOf(1), entryOf(2), entryOf(3, 5), entryOf(7), entryOf(8)];
    const entries = entriesWith(...all);
    for (const i of [1, 2, 4]) entries.close(all[i]!, 'settled');
    expect(entries.settledBehindOpen()).to.deep.equal([rangeOf(2, 5, 4), rangeOf(8, 8, 1)]);
  });

  it('drops the open ones', () => {
    const [a, b] = [entryOf(1), entryOf(2)];
    const entries = entriesWith(a, b);
    entries.close(b, 'settled');
    entries.drop();

    expect([a.state, b.state]).to.deep.equal(['dropped', 'settled']);
    expect([entries.open, entries.heldRecords, entries.heldBytes]).to.deep.equal([0, 0, 0]);
    expect([entries.openEntries(), entries.settledBehindOpen(), entries.holding()]).to.deep.equal([[], [], undefined]);
  });

  it('keeps its place while it lets go of those that are done', () => {
    const entries = new Entries();
    for (let i = 1; i <= 1_000; i++) {
      const [a, b] = [entryOf(2 * i - 1), entryOf(2 * i)];
      entries.add(a);
      entries.add(b);
      entries.close(a, 'settled');
      expect(entries.takeSettledPrefix()).to.equal(a.end);
      entries.close(b, 'settled');
      expect(entries.takeSettledPrefix()).to.equal(b.end);
    }
    expect(entries.open).to.equal(0);
  });
});
