import { expect } from 'chai';
import type { GetRecordsPage } from '../../lib/kinesis/port.js';
import { TrimCheck, type TrimCheckOptions } from '../../lib/readers/trim-check.js';

/** A page with these records; in its place a number that says how far behind it is without any, or `undefined` if it does not say. */
type Page = readonly string[] | number | undefined;

function pageOf(page: Page): GetRecordsPage {
  if (typeof page !== 'object') return { Records: [], NextShardIterator: 'next', ...(page !== undefined && { MillisBehindLatest: page }) };
  return { Records: page.map((SequenceNumber) => ({ SequenceNumber, PartitionKey: '', Data: new Uint8Array() })) };
}

/** What is found on each of these pages after record 10; `'end'`: the shard ends with an empty page; `'expired'`: the iterator did. */
function findings(pages: readonly (Page | 'end' | 'expired' | 'refused')[], options: Partial<TrimCheckOptions> = {}): unknown[] {
  const check = new TrimCheck('10', { isProven: false, ...options });
  return pages.flatMap((page) => {
    if (page === 'expired') return (check.noteExpired(), []);
    if (page === 'refused') return [check.refused()];
    return [page === 'end' ? check.inspect(pageOf(0), true) : check.inspect(pageOf(page), false)];
  });
}

/** The first finding on pages so far behind, and after how many. */
function findingAfter(pages: readonly Page[], options?: Partial<TrimCheckOptions>): readonly [finding: unknown, pages: number] {
  const all = findings(pages, options);
  const index = all.findIndex((finding) => finding !== undefined);
  return index === -1 ? [undefined, all.length] : [all[index], index + 1];
}

function times<T>(count: number, value: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => value(i));
}

describe('TrimCheck', () => {
  it('finds the record itself, at once or late', () => {
    expect(findings([['10', '11']])).to.deep.equal(['there']);
    expect(findings([0, 5_000, ['10']])).to.deep.equal([undefined, undefined, 'there']);
    expect(findings([['11'], ['10', '11']])).to.deep.equal(['look', 'there']);
  });

  it('finds it trimmed when a later one comes, and is the oldest, too', () => {
    expect(findings([['11'], ['11']])).to.deep.equal(['look', 'trimmed']);
    expect(findings(['refused', ['100']])).to.deep.equal(['look', 'trimmed']);
    expect(findings(['end', 'end'])).to.deep.equal(['look', 'trimmed']);
  });

  it('finds nothing missing once the newest record was reached, whatever comes later and whenever that arrived', () => {
    expect(findings([0, ['11'], ['11']])).to.deep.equal([undefined, 'look', 'there']);
    expect(findings(['refused', 0, ['11']])).to.deep.equal(['look', undefined, 'there']);
    expect(findings([0, 'end', 'end'])).to.deep.equal([undefined, 'look', 'there']);
  });

  it('does not know how long ago that was when the iterator has expired since', () => {
    expect(findings([0, 'expired', ['11'], ['11']])).to.deep.equal([undefined, 'look', 'trimmed']);
  });

  it('asks once more when an older one is there, and finds it foreign when it does not come again', () => {
    for (const first of [[['9']], ['refused', ['9']], ['end', ['9']], [['11'], ['9']], [0, 0, 0, ['9']]] as const) {
      for (const second of ['refused', 'end', ['9'], ['11']] as const) {
        expect(findings([...first, second]).slice(-2), JSON.stringify([first, second])).to.deep.equal(['ask', 'foreign']);
      }
      expect(findings([...first, ['10']]).slice(-2)).to.deep.equal(['ask', 'there']);
    }
  });

  it('looks after three pages at the newest record, and refuses it after fifteen more', () => {
    expect(findingAfter(times(50, () => 0))).to.deep.equal(['look', 3]);
    expect(findingAfter([['9'], ...times(50, () => 0)].slice(1))).to.deep.equal(['look', 3]);
    const all = findings([['9'], ...times(50, () => 0)]);
    expect(all.indexOf('foreign')).to.equal(15);
  });

  it('waits at the oldest record for one to come, however long', () => {
    const all = findings(['refused', ...times(500, () => 0), ['9']]);
    expect(all.filter((finding) => finding !== undefined)).to.deep.equal(['look', 'ask']);
  });

  it('never takes for foreign what was read from this shard', () => {
    expect(findings([['9']], { isProven: true })).to.deep.equal(['there']);
    expect(findings(['refused', ['9'], ['9']], { isProven: true })).to.deep.equal(['look', 'ask', 'there']);
    expect(findings([['11'], ['11']], { isProven: true })).to.deep.equal(['look', 'trimmed']);
  });

  it('asks once more for what was read before, or must be there, when an older record shows that it was not trimmed', () => {
    for (const options of [{ isProven: true }, { isProven: false, isLenient: true }]) {
      expect(findings(['refused', ['9'], ['10']], options)).to.deep.equal(['look', 'ask', 'there']);
      // Then it is looked for among all of them.
      expect(findings(['refused', ['9'], 'refused', ['9']], options)).to.deep.equal(['look', 'ask', 'look', 'there']);
    }
  });

  it('finds an iterator stuck that comes no nearer', () => {
    expect(findingAfter(times(50, () => 86_400_000))).to.deep.equal(['look', 16]);
    expect(findingAfter(times(50, (i) => 86_400_000 + i))).to.deep.equal(['look', 16]);
    expect(findings(['refused', ...times(50, () => 86_400_000)]).indexOf('trimmed')).to.equal(16);
  });

  it('is patient with one that comes nearer', () => {
    expect(findingAfter(times(500, (i) => 86_400_000 - i))).to.deep.equal([undefined, 500]);
    expect(findingAfter(times(500, (i) => (i % 10 === 9 ? 4_000 - i : 5_000)))).to.deep.equal([undefined, 500]);
  });

  it('takes no lag for the newest record only after many pages, from a service that never tells', () => {
    expect(findingAfter(times(50, () => undefined))).to.deep.equal(['look', 15]);
    expect(findings(['refused', undefined, ['11']])).to.deep.equal(['look', undefined, 'trimmed']);
    expect(findings(['refused', ...times(200, () => undefined), ['11']]).filter(Boolean)).to.deep.equal(['look', 'there']);
  });

  it('says what the first look says where others know what is to be there', () => {
    const isLenient = true;
    expect(findings([['11']], { isLenient })).to.deep.equal(['trimmed']);
    expect(findings([0, ['11']], { isLenient })).to.deep.equal([undefined, 'there']);
    expect(findings([['9']], { isLenient })).to.deep.equal(['there']);
    expect(findings(['end'], { isLenient })).to.deep.equal(['trimmed']);
    expect(
      findingAfter(
        times(50, () => 0),
        { isLenient },
      ),
    ).to.deep.equal([undefined, 50]);
    expect(
      findingAfter(
        times(50, () => 9),
        { isLenient },
      ),
    ).to.deep.equal(['look', 16]);
  });
});
