import { expect } from 'chai';
import { map, type Observable } from 'rxjs';
import { kinesisRange } from '../../lib/sources/kinesisRange.js';
import { kinesisRanges } from '../../lib/sources/kinesisRanges.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import type { FakeScript } from '../../lib/testing/kinesis/fake-script.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges } from '../../lib/values/ranges-json.js';
import type { RangeToRead } from '../../lib/values/sequence-range.js';
import { textOf } from '../support/fast-reading.js';
import { unbounded, withEnd } from '../support/range-reading.js';
import { thrownBy } from '../support/thrown-by.js';

/** Stream, shard, from and to, as Spark's SequenceNumberRange names them. */
function bare(from: number, to: number, fields: Partial<RangeToRead> = {}): RangeToRead {
  return { streamName: 'stream', shardId: 'shardId-000000000000', fromSeqNumber: String(from), toSeqNumber: String(to), ...fields };
}

/** Plain records 1 and 9; between them aggregates 5 and 7 of three user records each. */
const aggregates: Partial<FakeScript> = {
  shards: {
    0: {
      records: [
        { sequenceNumber: 1, data: 'a' },
        ...[0, 1, 2].map((sub) => ({ sequenceNumber: 5, subSequenceNumber: sub, data: 'bcd'[sub]! })),
        ...[0, 1, 2].map((sub) => ({ sequenceNumber: 7, subSequenceNumber: sub, data: 'efg'[sub]! })),
        { sequenceNumber: 9, data: 'h' },
      ],
    },
  },
};

/** What is emitted, then `complete` or the error's code, and when. */
function outcome(read: (client: ReturnType<typeof fakeKinesis>) => Observable<string>, script: Partial<FakeScript> = {}) {
  const result: Array<readonly [string, number]> = [];
  marbles(({ scheduler, flush }) => {
    const client = fakeKinesis({ latencyMs: 0, shards: { 0: 'abcdefgh^' }, ...script });
    withEnd(read(client)).subscribe((text) => result.push([text, scheduler.now()]));
    flush();
  })();
  return result[0]!;
}

const read = (range: RangeToRead) => (client: ReturnType<typeof fakeKinesis>) =>
  kinesisRange(range, { client, budget: unbounded() }).pipe(map(textOf));

describe('kinesisRange with a range of stream, shard, from and to alone', () => {
  it('emits from the one to the other, then completes', () => {
    expect(outcome(read(bare(3, 5)))).to.deep.equal(['cde complete', 0]);
    expect(outcome(read(bare(2, 2)))).to.deep.equal(['b complete', 0]);
  });

  it('completes without a wait at the newest record of a shard', () => {
    expect(outcome(read(bare(6, 8)))).to.deep.equal(['fgh complete', 0]);
  });

  it('emits all user records of the aggregates at its ends', () => {
    expect(outcome(read(bare(5, 7)), aggregates)[0]).to.equal('bcdefg complete');
    expect(outcome(read(bare(5, 5)), aggregates)[0]).to.equal('bcd complete');
    expect(outcome(read(bare(1, 9)), aggregates)[0]).to.equal('abcdefgh complete');
  });

  it('takes any one of what it leaves out', () => {
    expect(outcome(read(bare(5, 7, { fromSubSeqNumber: 1 })), aggregates)[0]).to.equal('cdefg complete');
    expect(outcome(read(bare(5, 7, { toSubSeqNumber: 0 })), aggregates)[0]).to.equal('bcde complete');
    expect(outcome(read(bare(5, 7, { recordCount: 6 })), aggregates)[0]).to.equal('bcdefg complete');
    expect(outcome(read(bare(5, 7, { recordCount: 7 })), aggregates)[0]).to.match(/RANGE_INCOMPLETE$/);
  });

  it('verifies both ends, and not what is between them', () => {
    const records = [2, 3, 6, 8].map((sequenceNumber) => ({ sequenceNumber, data: String(sequenceNumber) }));
    const script = { shards: { 0: { records } } };
    expect(outcome(read(bare(2, 8)), script)[0]).to.equal('2368 complete');
    expect(outcome(read(bare(1, 8)), script)[0]).to.equal(' RANGE_EXPIRED');
    expect(outcome(read(bare(2, 7)), script)[0]).to.match(/RANGE_INCOMPLETE$/);
    expect(outcome(read(bare(2, 9)), script)).to.deep.equal(['2368 RANGE_INCOMPLETE', 3_000]);
  });

  it('reads all of it however long it is: many pages, and the last one full', () => {
    const records = Array.from({ length: 30_000 }, (_, i) => ({ sequenceNumber: i + 1, data: 'x' }));
    const [text] = outcome(read(bare(1, 29_000)), { shards: { 0: { records } } });
    expect(text).to.equal(`${'x'.repeat(29_000)} complete`);
  });

  it('reads it beside others that overlap it', () => {
    const ranges = [bare(2, 5), bare(4, 6, { fromSubSeqNumber: 0, toSubSeqNumber: 0, recordCount: 3 }), bare(5, 7)];
    const [text] = outcome((client) => kinesisRanges(ranges, { client, budget: unbounded() }).pipe(map(textOf)));
    expect(text).to.equal('bcdefg complete');
  });

  for (const [what, json] of Object.entries({
    'as text': JSON.stringify({ version: 1, ranges: [bare(3, 4), bare(6, 6)] }),
    'as a parsed value': { version: 1, ranges: [bare(3, 4), bare(6, 6)] },
  })) {
    it(`reads it when it comes from JSON, ${what}, and goes back`, () => {
      const ranges = SequenceNumberRanges.fromJSON(json);
      const [text] = outcome((client) => kinesisRanges(ranges, { client, budget: unbounded() }).pipe(map(textOf)));
      expect(text).to.equal('cdf complete');
      expect(JSON.stringify(ranges)).to.equal(JSON.stringify({ version: 1, ranges: [bare(3, 4), bare(6, 6)] }));
    });
  }

  it('refuses it when what it gives is malformed', () => {
    const bad: Readonly<Record<string, RangeToRead>> = {
      'a count of nothing': bare(1, 2, { recordCount: 0 }),
      'a count that is null': bare(1, 2, { recordCount: null as unknown as number }),
      'a sub-sequence number that is text': bare(1, 2, { toSubSeqNumber: '3' as unknown as number }),
      'an end before the beginning': bare(2, 1),
      'an end before the beginning of an aggregate': bare(2, 2, { fromSubSeqNumber: 3, toSubSeqNumber: 1 }),
    };
    for (const [what, range] of Object.entries(bad)) {
      const error = thrownBy(() => kinesisRange(range, { client: fakeKinesis({ shards: {} }) }));
      expect(isInvalidValue(error), what).to.equal(true);
    }
  });
});
