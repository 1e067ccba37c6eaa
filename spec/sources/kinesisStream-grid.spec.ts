import { expect } from 'chai';
import { map, mergeMap, repeat, take, tap } from 'rxjs';
import { shardReadError } from '../../lib/kinesis/shardReadError.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { awsError } from '../../lib/testing/kinesis/fake-errors.js';
import { fakeKinesis, marbles } from '../../lib/testing/index.js';
import { fastReading, textOf, texts } from '../support/fast-reading.js';
import { synchronousPort } from '../support/synchronous-port.js';

describe('kinesisStream', () => {
  it(
    'emits the shards, and they their records as those arrive',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^-----c------------d', 1: '-b' } });
      // The listing comes at 1, iterators at 2, pages at 3, 13 and 23.
      const expected = '---(ab)------c---------d---';
      const unsub = '   --------------------------!';

      expectObservable(texts(kinesis), unsub).toBe(expected);
    }),
  );

  it(
    'calls nothing before it is subscribed',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^' } });
      const expected = '-----------a';
      const sub = '     --------^----!';

      expectObservable(texts(kinesis), sub).toBe(expected);
      expect(kinesis.calls).to.deep.equal([]);
      flush();
      expect(kinesis.calls[0]).to.include({ method: 'listShards', atMs: 8 });
    }),
  );

  it(
    'errors when the service errors',
    marbles(({ expectObservable, flush }) => {
      const error = awsError('AccessDeniedException');
      const kinesis = fakeKinesis({ shards: { 0: 'a^' }, faults: [{ method: 'listShards', error }] });
      const expected = '-#';

      expectObservable(texts(kinesis)).toBe(expected, undefined, shardReadError(error, { streamName: 'stream' }));
      flush();
      expect(kinesis.calls).to.have.length(1);
    }),
  );

  it(
    'emits nothing of what is empty',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: {} });
      const expected = '-------';
      const unsub = '   ^ 95s !';

      expectObservable(texts(kinesis), unsub).toBe(expected);
      flush();
      // It goes on looking for shards.
      expect(kinesis.calls.map(({ method, atMs }) => [method, atMs])).to.deep.equal([
        ['listShards', 0],
        ['listShards', 30_001],
        ['listShards', 60_002],
        ['listShards', 90_003],
      ]);
    }),
  );

  for (const [call, unsub, index] of [
    ['ListShards', '^!', 0],
    ['GetShardIterator', '^--!', 1],
    ['GetRecords', '^----!', 2],
  ] as const) {
    it(
      `aborts the request under way when it is unsubscribed: ${call} (regression: the poll went on)`,
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab' }, latencyMs: 2 });
        const expected = '------';

        expectObservable(texts(kinesis), unsub).toBe(expected);
        flush();
        expect(kinesis.calls.map(({ aborted }) => aborted)).to.deep.equal([...Array<boolean>(index).fill(false), true]);
        expect(kinesis.inFlight).to.equal(0);
      }),
    );
  }

  it(
    'takes a service that answers synchronously, and stops when unsubscribed',
    marbles(({ expectObservable, flush }) => {
      const kinesis = synchronousPort('abcdef');
      const taken: string[] = [];
      const expected = '(ab|)';

      const result = kinesisStream(fastReading(kinesis)).pipe(
        mergeMap((shard) =>
          shard.pipe(
            map(textOf),
            tap((text) => taken.push(text)),
          ),
        ),
        take(2),
      );
      expectObservable(result).toBe(expected);
      flush();
      expect(taken).to.deep.equal(['a', 'b']);
      expect(kinesis.calls).to.deep.equal(['listShards', 'getShardIterator', 'getRecords']);
    }),
  );

  it(
    'serves two subscribers independently',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^------b' } });
      const sub1 = '     ^--------------!     ';
      const expected1 = '---a---------b-       ';
      const sub2 = '     -----^--------------!';
      const expected2 = '--------(ab)          ';

      const result = texts(kinesis);
      expectObservable(result, sub1).toBe(expected1);
      expectObservable(result, sub2).toBe(expected2);
      flush();
      expect(kinesis.callsOf('listShards').map(({ atMs }) => atMs)).to.deep.equal([0, 5]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
      const expected = '---a--(a|)';

      expectObservable(texts(kinesis).pipe(take(1), repeat(2))).toBe(expected);
      flush();
      expect(kinesis.callsOf('listShards').map(({ atMs }) => atMs)).to.deep.equal([0, 3]);
    }),
  );
});
