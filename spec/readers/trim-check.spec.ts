import { expect } from 'chai';
import type { GetRecordsPage, PortRecord } from '../../lib/kinesis/port.js';
import { TrimCheck } from '../../lib/readers/trim-check.js';

const OPENED_MS = 1_000;
const place = { sequenceNumber: '10', subSequenceNumber: 3 };

function recordAt(SequenceNumber: string, arrivedMs?: number): PortRecord {
  const ApproximateArrivalTimestamp = arrivedMs === undefined ? undefined : new Date(arrivedMs);
  return { SequenceNumber, PartitionKey: '', Data: new Uint8Array(), ApproximateArrivalTimestamp };
}

function emptyPage(MillisBehindLatest?: number): GetRecordsPage {
  return { Records: [], MillisBehindLatest, NextShardIterator: 'next' };
}

function findingOf(...records: readonly PortRecord[]) {
  return new TrimCheck(place, OPENED_MS).inspect({ Records: records }, false);
}

/** What is found on empty pages so far behind, as long as nothing is. */
function findingAfter(behindMs: readonly number[]): readonly [finding: string | undefined, pages: number] {
  const check = new TrimCheck(place, OPENED_MS);
  for (const [i, ms] of behindMs.entries()) {
    const finding = check.inspect(emptyPage(ms), false);
    if (finding) return [finding, i + 1];
  }
  return [undefined, behindMs.length];
}

describe('TrimCheck', () => {
  it('finds the record itself, or one before it', () => {
    expect(findingOf(recordAt('10', 0), recordAt('11', 0))).to.equal('intact');
    expect(findingOf(recordAt('9', 0))).to.equal('intact');
  });

  it('finds that another comes first', () => {
    expect(findingOf(recordAt('11', OPENED_MS - 1))).to.equal('trimmed');
    expect(findingOf(recordAt('100'))).to.equal('trimmed');
  });

  it('takes one that arrived only afterwards for no proof', () => {
    expect(findingOf(recordAt('11', OPENED_MS))).to.equal('intact');
  });

  it('waits while there is none', () => {
    const check = new TrimCheck(place, OPENED_MS);
    expect(check.inspect(emptyPage(0), false)).to.equal(undefined);
    expect(check.inspect(emptyPage(), false)).to.equal(undefined);
    expect(check.inspect({ Records: [recordAt('11', 0)] }, false)).to.equal('trimmed');
  });

  it('finds that it is gone when the shard ends without it', () => {
    expect(new TrimCheck(place, OPENED_MS).inspect(emptyPage(), true)).to.equal('trimmed');
    expect(new TrimCheck(place, OPENED_MS).inspect({ Records: [recordAt('10')] }, true)).to.equal('intact');
  });

  it('finds nothing missing when an idle shard is closed after its newest record was reached', () => {
    const check = new TrimCheck(place, OPENED_MS);
    expect(check.inspect(emptyPage(0), false)).to.equal(undefined);
    expect(check.inspect(emptyPage(0), true)).to.equal('intact');
  });

  it('finds an iterator stuck that comes no nearer', () => {
    expect(findingAfter(Array.from({ length: 50 }, () => 86_400_000))).to.deep.equal(['stuck', 16]);
    expect(findingAfter(Array.from({ length: 50 }, (_, i) => 86_400_000 + i))).to.deep.equal(['stuck', 16]);
  });

  it('is patient with one that comes nearer, or is there', () => {
    expect(findingAfter(Array.from({ length: 500 }, (_, i) => 86_400_000 - i))).to.deep.equal([undefined, 500]);
    expect(findingAfter(Array.from({ length: 500 }, () => 0))).to.deep.equal([undefined, 500]);
    expect(findingAfter(Array.from({ length: 500 }, (_, i) => (i % 10 === 9 ? 4_000 - i : 5_000)))).to.deep.equal([undefined, 500]);
  });
});
