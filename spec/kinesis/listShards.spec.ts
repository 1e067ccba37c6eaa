import { expect } from 'chai';
import { catchError, concatMap, map, of, timer, type Observable } from 'rxjs';
import { isShardReadError } from '../../lib/kinesis/errors.js';
import { findShard, listedState, listShards } from '../../lib/kinesis/listShards.js';
import type { KinesisPort, ListShardsPage, ListShardsRequest, PortShard } from '../../lib/kinesis/port.js';
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

describe('a listing', () => {
  const keys = { StartingHashKey: '0', EndingHashKey: '9' };
  const listed = (ShardId: string, ...parents: readonly string[]): PortShard => ({
    ShardId,
    ...(parents[0] !== undefined && { ParentShardId: parents[0] }),
    ...(parents[1] !== undefined && { AdjacentParentShardId: parents[1] }),
    HashKeyRange: keys,
    SequenceNumberRange: { StartingSequenceNumber: '0' },
  });

  /** What comes of these answers, one after the other, the last one for ever; and how often was asked. */
  function outcomeOf(...answers: readonly (ListShardsPage | undefined)[]): readonly [outcome: string, calls: number] {
    let calls = 0;
    const port = { ...fakeKinesis({ shards }), listShards: () => of(answers[Math.min(calls++, answers.length - 1)] as ListShardsPage) };
    let outcome = 'nothing';
    listShards(port, STREAM).subscribe({
      next: (all) => (outcome = all.map(({ ShardId }) => ShardId).join()),
      error: (error: unknown) => (outcome = isShardReadError(error) && error.retriable ? error.message : `unexpected: ${String(error)}`),
    });
    return [outcome, calls];
  }

  it('is an error without the shards of its first page, or of a later one', () => {
    expect(outcomeOf({} as ListShardsPage)).to.deep.equal(['stream: ListShards was answered without Shards', 1]);
    expect(outcomeOf({ Shards: [], NextToken: 't' }, undefined)).to.deep.equal(['stream: ListShards was answered without a page', 2]);
  });

  it('names the stream by the name in its ARN', () => {
    const StreamARN = 'arn:aws:kinesis:eu-west-1:123456789012:stream/flights';
    const errors: unknown[] = [];
    listShards({ ...fakeKinesis({ shards }), listShards: () => of({} as ListShardsPage) }, { StreamARN }).subscribe({
      error: (error: unknown) => errors.push(error),
    });
    expect(errors[0]).to.include({ streamName: 'flights' });
  });

  it('is an error when a token comes twice', () => {
    const page = (NextToken: string) => ({ Shards: [listed(NextToken)], NextToken });
    const repeated = ['stream: ListShards gave the same NextToken twice', 3] as const;
    expect(outcomeOf(page('a'), page('b'), page('a'))).to.deep.equal(repeated);
    expect(outcomeOf(page('a'), page('a'))).to.deep.equal([repeated[0], 2]);
  });

  it('is an error when it has no end', () => {
    let calls = 0;
    const errors: unknown[] = [];
    const answer = () => of({ Shards: [listed(`shard ${calls}`)], NextToken: `token ${calls++}` });
    listShards({ ...fakeKinesis({ shards }), listShards: answer }, STREAM).subscribe({ error: (error: unknown) => errors.push(error) });
    expect(errors[0]).to.have.property('message', 'stream: ListShards did not come to an end in 1000 pages');
    expect(calls).to.equal(1_000);
  });

  it('ends with a token of no length', () => {
    expect(outcomeOf({ Shards: [listed('a')], NextToken: '' })).to.deep.equal(['a', 1]);
  });

  it('names each shard once, as its last page says', () => {
    const closed = { ...listed('a'), SequenceNumberRange: { StartingSequenceNumber: '0', EndingSequenceNumber: '7' } };
    const pages = [{ Shards: [listed('a'), listed('b')], NextToken: 't' }, { Shards: [closed] }];
    const port = { ...fakeKinesis({ shards }), listShards: () => of(pages.shift()!) };
    const found: unknown[] = [];
    listShards(port, STREAM).subscribe((all) => found.push(...all));
    expect(found).to.deep.equal([closed, listed('b')]);
  });

  it('is an error when a shard descends from itself', () => {
    expect(outcomeOf({ Shards: [listed('a', 'a')] })).to.deep.equal(['stream: ListShards names a as an ancestor of itself', 1]);
    expect(outcomeOf({ Shards: [listed('a'), listed('b', 'c')], NextToken: 't' }, { Shards: [listed('c', 'a', 'b')] })[0]).to.match(
      /names [bc] as an ancestor of itself$/,
    );
  });
});

describe('listedState', () => {
  const stateOf = (id: string, kinesis: KinesisPort): Observable<string> => listedState(kinesis, STREAM, `shardId-00000000000${id}`);

  it(
    'is open, closed or unlisted',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ latencyMs: 0, shards: { 0: 'a|', 1: '' } });
      expectObservable(timer(5).pipe(concatMap(() => stateOf('0', kinesis)))).toBe('5ms (c|)', { c: 'closed' });
      expectObservable(timer(5).pipe(concatMap(() => stateOf('1', kinesis)))).toBe('5ms (c|)', { c: 'open' });
      expectObservable(timer(5).pipe(concatMap(() => stateOf('2', kinesis)))).toBe('5ms (c|)', { c: 'unlisted' });
    }),
  );

  it(
    'is not believed of a listing without any shard',
    marbles(({ expectObservable }) => {
      const none = stateOf('0', fakeKinesis({ latencyMs: 0, shards: {} })).pipe(
        catchError((error: unknown) => of(isShardReadError(error) && error.retriable ? error.message : error)),
      );
      expectObservable(none).toBe('(e|)', { e: 'stream/shardId-000000000000: ListShards names no shard at all' });
    }),
  );
});

describe('findShard', () => {
  const SHARD_A = {
    ShardId: 'a',
    HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
    SequenceNumberRange: { StartingSequenceNumber: '0' },
  };

  it('asks again where the listing is empty, and believes the second one', () => {
    for (const [pages, expected] of [
      [[[], [SHARD_A]], 'a'],
      [[[], []], undefined],
    ] as const) {
      const given = pages.map((Shards) => ({ Shards }));
      const port: KinesisPort = { ...fakeKinesis({ shards }), listShards: () => of(given.shift()!) };
      const found: unknown[] = [];
      findShard(port, STREAM, 'a').subscribe((shard) => found.push(shard?.ShardId));
      expect([found, given]).to.deep.equal([[expected], []]);
    }
  });

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
