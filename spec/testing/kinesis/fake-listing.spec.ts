import { expect } from 'chai';
import { concatMap, delay, map, mergeMap, timer, type Observable } from 'rxjs';
import type { PortShard } from '../../../lib/kinesis/port.js';
import { fakeKinesis, type FakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../../lib/testing/marbles/marbles.js';
import { listingOf, nameOfError, pagesOfListing } from './reading.js';

const STREAM = { StreamName: 'stream' };

/** A shard in short: `2<0` is a child of 0, `3<1+2` the merge of 1 and 2, `0|` is closed. */
function inShort(shard: PortShard): string {
  const number = (id: string | undefined): string => String(Number(id?.slice(8)));
  const parents = [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined).map(number);
  return `${number(shard.ShardId)}${parents.length > 0 ? `<${parents.join('+')}` : ''}${shard.SequenceNumberRange.EndingSequenceNumber === undefined ? '' : '|'}`;
}

function shardsAt(kinesis: FakeKinesis, ms: number): Observable<string> {
  return timer(ms).pipe(
    mergeMap(() => listingOf(kinesis)),
    map((shards) => shards.map(inShort).join(' ')),
  );
}

describe('ListShards of fakeKinesis', () => {
  it(
    'shows children when their parents have closed',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({
        shards: {
          0: '-----|',
          1: { parents: [0], records: '---------|' },
          2: { parents: [0], records: '-------|' },
          3: { parents: [1, 2] },
        },
      });
      expectObservable(shardsAt(kinesis, 4)).toBe('5ms (s|)', { s: '0' });
      expectObservable(shardsAt(kinesis, 5)).toBe('6ms (s|)', { s: '0| 1<0 2<0' });
      expectObservable(shardsAt(kinesis, 8)).toBe('9ms (s|)', { s: '0| 1<0 2<0|' });
      expectObservable(shardsAt(kinesis, 9)).toBe('10ms (s|)', { s: '0| 1<0| 2<0| 3<1+2' });
    }),
  );

  it(
    'shows shards that appear at times of their own, and parents that are out of view',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 7: { parents: [3], createdAtMs: 10 }, 8: { createdAtMs: 0 } } });
      expectObservable(shardsAt(kinesis, 9)).toBe('10ms (s|)', { s: '8' });
      expectObservable(shardsAt(kinesis, 10)).toBe('11ms (s|)', { s: '7<3 8' });
    }),
  );

  it(
    'shows what split, merge and close have done',
    marbles(({ scheduler, expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a' } });
      scheduler.schedule(() => kinesis.split(0, [1, 2]), 10);
      scheduler.schedule(() => kinesis.merge([1, 2], 3), 20);
      scheduler.schedule(() => kinesis.close(3), 30);
      const sizes = timer(11).pipe(
        mergeMap(() => listingOf(kinesis)),
        map((shards) => shards.map(({ HashKeyRange: keys }) => BigInt(keys.EndingHashKey) - BigInt(keys.StartingHashKey) + 1n)),
      );
      expectObservable(sizes).toBe('12ms (s|)', { s: [1n << 128n, 1n << 127n, 1n << 127n] });
      expectObservable(shardsAt(kinesis, 9)).toBe('10ms (s|)', { s: '0' });
      expectObservable(shardsAt(kinesis, 11)).toBe('12ms (s|)', { s: '0| 1<0 2<0' });
      expectObservable(shardsAt(kinesis, 21)).toBe('22ms (s|)', { s: '0| 1<0| 2<0| 3<1+2' });
      expectObservable(shardsAt(kinesis, 31)).toBe('32ms (s|)', { s: '0| 1<0| 2<0| 3<1+2|' });
    }),
  );

  it(
    'shares the hash keys evenly, splits and merges them',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({
        shards: { 0: '|', 1: '', 2: { parents: [0], records: '-|' }, 3: { parents: [0], records: '-|' }, 4: { parents: [2, 3] } },
      });
      const half = 1n << 127n;
      const seen: unknown[] = [];
      timer(5)
        .pipe(mergeMap(() => listingOf(kinesis)))
        .subscribe((shards) =>
          seen.push(...shards.map(({ HashKeyRange }) => [HashKeyRange.StartingHashKey, HashKeyRange.EndingHashKey].map(BigInt))),
        );
      flush();

      expect(seen).to.deep.equal([
        [0n, half - 1n],
        [half, 2n * half - 1n],
        [0n, half / 2n - 1n],
        [half / 2n, half - 1n],
        [0n, half - 1n],
      ]);
    }),
  );

  it(
    'takes hash keys that are given',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: { hashKeyRange: ['5', '9'] } } });
      const keys = listingOf(kinesis).pipe(map(([shard]) => shard?.HashKeyRange));
      expectObservable(keys).toBe('-(k|)', { k: { StartingHashKey: '5', EndingHashKey: '9' } });
    }),
  );

  it(
    'gives the sequence numbers of a shard: its last record ends it, and its children begin there',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc|', 1: { parents: [0] } } });
      const ranges = timer(5).pipe(
        mergeMap(() => listingOf(kinesis)),
        map((shards) => shards.map(({ SequenceNumberRange }) => SequenceNumberRange)),
      );
      expectObservable(ranges).toBe('6ms (r|)', {
        r: [{ StartingSequenceNumber: '0', EndingSequenceNumber: '3' }, { StartingSequenceNumber: '3' }],
      });
    }),
  );

  describe('in pages', () => {
    const script = { shards: { 0: '', 1: '', 2: '', 3: '', 4: '' }, shardsPerPage: 2 };

    it(
      'goes on with a token that names no stream',
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis(script);
        expectObservable(pagesOfListing(kinesis).pipe(map(({ Shards }) => Shards.map(inShort).join()))).toBe('-ab(c|)', {
          a: '0,1',
          b: '2,3',
          c: '4',
        });
        flush();

        expect(kinesis.callsOf('listShards')).to.have.length(3);
      }),
    );

    it(
      'ends without a token when the last page is full',
      marbles(({ expectObservable }) => {
        const kinesis = fakeKinesis({ ...script, shardsPerPage: 5 });
        expectObservable(pagesOfListing(kinesis).pipe(map(({ Shards }) => Shards.length))).toBe('-(n|)', { n: 5 });
      }),
    );

    for (const [what, lateMs, change, error] of [
      ['refuses a token together with a stream', 0, { ...STREAM }, 'InvalidArgumentException'],
      ['refuses a token that it has not given', 0, { NextToken: 'nonsense' }, 'InvalidArgumentException'],
      ['takes a token for five minutes', 299_999, {}, 'page'],
      ['refuses a token after five minutes', 300_000, {}, 'ExpiredNextTokenException'],
    ] as const) {
      it(
        what,
        marbles(({ expectObservable }) => {
          const kinesis = fakeKinesis(script);
          const second = kinesis.listShards(STREAM).pipe(
            delay(lateMs),
            concatMap(({ NextToken }) => kinesis.listShards({ NextToken, ...change } as never)),
            map(() => 'page'),
            nameOfError,
          );
          expectObservable(second).toBe(`${lateMs + 2}ms (e|)`, { e: error });
        }),
      );
    }
  });
});
