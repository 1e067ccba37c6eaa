import { expect } from 'chai';
import { map, take } from 'rxjs';
import type { GetRecordsPage } from '../../../lib/kinesis/port.js';
import { aggregate } from '../../../lib/testing/kinesis/aggregate.js';
import type { FakeRecord } from '../../../lib/testing/kinesis/fake-script.js';
import { fakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { HORIZON, inShort, nameOfError, pageAt, pagesOf, textAt, textsOf } from './reading.js';

describe('GetRecords of fakeKinesis', () => {
  describe('a page', () => {
    it(
      'holds records as the API gives them',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'a' } });
        const expected = [{ SequenceNumber: '1', PartitionKey: 'a', Data: Uint8Array.of(97), ApproximateArrivalTimestamp: new Date(0) }];
        expectObservable(pageAt(kinesis, 0).pipe(map(({ Records }) => Records))).toBe('--(r|)', { r: expected });
      }),
    );

    it(
      'honours Limit',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: '(abcde|)' } });
        expectObservable(textsOf(kinesis, 0, HORIZON, 2)).toBe('--ab(e|)', { a: 'ab', b: 'cd', e: 'e|' });
      }),
    );

    it(
      'honours the limit of the script, whichever is smaller',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: '(abcde|)' }, maxRecordsPerPage: 3 });
        expectObservable(textsOf(kinesis)).toBe('--a(e|)', { a: 'abc', e: 'de|' });
        expectObservable(textsOf(kinesis, 0, HORIZON, 4)).toBe('--a(e|)', { a: 'abc', e: 'de|' });
      }),
    );

    it(
      'counts an aggregate as one record, and does not cut it',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: '(abcd|)' }, values: { b: { subSequenceNumber: 1 }, c: { subSequenceNumber: 2 } } });
        expectObservable(textsOf(kinesis, 0, HORIZON, 1)).toBe('--a(e|)', { a: '(abc)', e: 'd|' });
      }),
    );

    it(
      'holds records that share a number as the KPL sends them: as one, under the first one’s partition key',
      marbles(({ expectObservable }) => {
        const values = { a: { partitionKey: 'LH 400' }, b: { subSequenceNumber: 1, partitionKey: 'LH 401' } };
        const kinesis = fakeKinesis({ shards: { 0: '-(ab)' }, values });
        const Data = aggregate([
          { partitionKey: 'LH 400', data: 'a' },
          { partitionKey: 'LH 401', data: 'b' },
        ]);
        const expected = [{ SequenceNumber: '1', PartitionKey: 'LH 400', Data, ApproximateArrivalTimestamp: new Date(1) }];
        expectObservable(pageAt(kinesis, 1).pipe(map(({ Records }) => Records))).toBe('---(r|)', { r: expected });
      }),
    );

    it(
      'counts all of an aggregate against the 10 MiB',
      marbles(({ expectObservable }) => {
        const half = new Uint8Array(5 * 1_048_576);
        const fields = { partitionKey: '', data: half };
        // Two halves alone fit; an aggregate of one half and of something else is longer than a half.
        const records = [fields, { ...fields, subSequenceNumber: 0 }, { partitionKey: '', data: '', subSequenceNumber: 1 }];
        const lengths = (list: readonly FakeRecord[]) =>
          pagesOf(fakeKinesis({ shards: { 0: { records: list, closedAtMs: 0 } } })).pipe(map(({ Records }) => Records.length));
        expectObservable(lengths([fields, fields])).toBe('--(a|)', { a: 2 });
        expectObservable(lengths(records)).toBe('--a(a|)', { a: 1 });
      }),
    );

    it(
      'holds at most 10 000 records',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: { records: Array.from({ length: 25_000 }, () => ({})), closedAtMs: 0 } } });
        expectObservable(pagesOf(kinesis).pipe(map(({ Records }) => Records.length))).toBe('--tt(e|)', { t: 10_000, e: 5_000 });
      }),
    );

    it(
      'holds at most 10 MiB with the partition keys, but at least one record',
      marbles(({ expectObservable }) => {
        const MIB = 1_048_576;
        const records = [11 * MIB, 6 * MIB, 4 * MIB, 1].map((size) => ({ data: new Uint8Array(size), partitionKey: '' }));
        const kinesis = fakeKinesis({ shards: { 0: { records, closedAtMs: 0 } } });
        expectObservable(pagesOf(kinesis).pipe(map(({ Records }) => Records.length))).toBe('--ab(c|)', { a: 1, b: 2, c: 1 });
        const keyed = fakeKinesis({ shards: { 0: { records: records.map(({ data }) => ({ data })), closedAtMs: 0 } } });
        expectObservable(pagesOf(keyed).pipe(map(({ Records }) => Records.length))).toBe('--ab(c|)', { a: 1, b: 1, c: 2 });
      }),
    );

    for (const Limit of [0, 10_001, 1.5]) {
      it(
        `refuses a Limit of ${Limit}`,
        marbles(({ expectObservable }) => {
          const pages = pagesOf(fakeKinesis({ shards: { 0: 'a' } }), 0, HORIZON, Limit).pipe(map(inShort), nameOfError);
          expectObservable(pages).toBe('--(e|)', { e: 'InvalidArgumentException' });
        }),
      );
    }

    it(
      'says how far it is behind: the age of the first record that is left, 0 without one',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ shards: { 0: { records: [{ atMs: -60_000 }, { atMs: -5_000 }, { atMs: 2 }] } } });
        const behind = pagesOf(kinesis, 0, HORIZON, 1).pipe(
          take(4),
          map(({ MillisBehindLatest }) => MillisBehindLatest),
        );
        // Asked for at 1, 2, 3 and 4 ms; the third record is there from 2 ms on.
        expectObservable(behind).toBe('--abc(c|)', { a: 5_001, b: 1, c: 0 });
      }),
    );
  });

  describe('the end of a closed shard', () => {
    const shards = { 0: '(ab)--|', 1: { parents: [0], records: '------c' }, 2: { parents: [0] } };

    it(
      'comes with the last records, and names the children',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards });
        const seen: GetRecordsPage[] = [];
        expectObservable(textAt(kinesis, 5)).toBe('5ms (t|)', { t: 'ab' });
        expectObservable(textAt(kinesis, 6)).toBe('6ms (t|)', { t: 'ab|' });
        pageAt(kinesis, 6).subscribe((page) => seen.push(page));
        flush();

        const half = 1n << 127n;
        expect(seen[0]).not.to.have.property('NextShardIterator');
        expect(seen[0]?.ChildShards).to.deep.equal([
          {
            ShardId: 'shardId-000000000001',
            ParentShards: ['shardId-000000000000'],
            HashKeyRange: { StartingHashKey: '0', EndingHashKey: String(half - 1n) },
          },
          {
            ShardId: 'shardId-000000000002',
            ParentShards: ['shardId-000000000000'],
            HashKeyRange: { StartingHashKey: String(half), EndingHashKey: String(2n * half - 1n) },
          },
        ]);
      }),
    );

    it(
      'comes on a page of its own when the script says so',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: '(ab|)', 1: { parents: [0] } }, lastPage: 'extra-page' });
        const children: Array<number | undefined> = [];
        expectObservable(textsOf(kinesis)).toBe('--a(e|)', { a: 'ab', e: '|' });
        pagesOf(kinesis).subscribe(({ ChildShards }) => children.push(ChildShards?.length));
        flush();

        expect(children).to.deep.equal([undefined, 1]);
      }),
    );

    for (const lastPage of ['extra-page', 'with-records'] as const) {
      it(
        `comes on an empty page for a reader that has all records, ${lastPage}`,
        marbles(({ expectObservable }) => {
          const kinesis = fakeKinesis({ shards: { 0: 'a---|' }, lastPage });
          expectObservable(textsOf(kinesis)).toBe('--a__(e|)', { a: 'a', _: '', e: '|' });
        }),
      );
    }

    it(
      'names no children where the script leaves them out',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards, childShards: false });
        expectObservable(pageAt(kinesis, 6).pipe(map((page) => [inShort(page), 'ChildShards' in page]))).toBe('6ms (t|)', {
          t: ['ab|', false],
        });
      }),
    );

    it(
      'names a merge, with both its parents',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: '|', 1: '|', 2: { parents: [0, 1] } } });
        const children = pageAt(kinesis, 1, HORIZON, 1).pipe(
          map(({ ChildShards }) => ChildShards?.map(({ ParentShards }) => ParentShards)),
        );
        expectObservable(children).toBe('-(c|)', { c: [['shardId-000000000000', 'shardId-000000000001']] });
      }),
    );
  });
});
