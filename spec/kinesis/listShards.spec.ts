import { expect } from 'chai';
import { map, of, type Observable } from 'rxjs';
import { findShard, listShards } from '../../lib/kinesis/listShards.js';
import type { ListShardsPage, ListShardsRequest } from '../../lib/kinesis/port.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

const STREAM = { StreamName: 'stream' };
const shards = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [i, '']));

describe('listShards', () => {
  it(
    'follows every page',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards, shardsPerPage: 3 });
      const numbers = listShards(kinesis, STREAM).pipe(map((all) => all.map(({ ShardId }) => ShardId.at(-1)).join('')));

      expectObservable(numbers).toBe('3ms (n|)', { n: '0123456' });
      flush();
      expect(kinesis.callsOf('listShards').map(({ error }) => error)).to.deep.equal([undefined, undefined, undefined]);
    }),
  );

  it('asks for the pages behind the first with the token and nothing else', () => {
    const requests: ListShardsRequest[] = [];
    const answer = (request: ListShardsRequest): Observable<ListShardsPage> => {
      requests.push(request);
      return of({ Shards: [], ...(requests.length < 3 && { NextToken: `token ${requests.length}` }) });
    };
    listShards({ ...fakeKinesis({ shards }), listShards: answer }, STREAM).subscribe();

    expect(requests).to.deep.equal([STREAM, { NextToken: 'token 1' }, { NextToken: 'token 2' }]);
  });

  it(
    'is cold, and ends with the error of any page',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({
        shards,
        shardsPerPage: 3,
        faults: [{ method: 'listShards', error: 'LimitExceededException', fromMs: 1 }],
      });
      const counts = listShards(kinesis, STREAM).pipe(map((all) => all.length));
      const error = Object.assign(new Error('LimitExceededException'), {
        name: 'LimitExceededException',
        $fault: 'client',
        $metadata: { httpStatusCode: 400, attempts: 1 },
      });

      expectObservable(counts).toBe('2ms #', undefined, error);
      expectObservable(counts, '5ms ^').toBe('8ms (n|)', { n: 7 });
    }),
  );

  it(
    'is aborted when it is unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards, shardsPerPage: 3, latencyMs: 10 });
      expectObservable(listShards(kinesis, STREAM), '^ 15ms !').toBe('');
      flush();
      expect(kinesis.calls.map(({ aborted }) => aborted)).to.deep.equal([false, true]);
    }),
  );
});

describe('findShard', () => {
  it(
    'looks on every page',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards, shardsPerPage: 2 });
      const idOf = (shardId: string) => findShard(kinesis, STREAM, shardId).pipe(map((shard) => shard?.ShardId));

      expectObservable(idOf('shardId-000000000006')).toBe('4ms (s|)', { s: 'shardId-000000000006' });
      expectObservable(idOf('shardId-000000000009')).toBe('4ms (s|)', { s: undefined });
    }),
  );
});
