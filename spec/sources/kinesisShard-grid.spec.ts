import { expect } from 'chai';
import { map, repeat, take, type Observable } from 'rxjs';
import type { KinesisPort } from '../../lib/kinesis/port.js';
import { shardReadError } from '../../lib/kinesis/shardReadError.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { awsError } from '../../lib/testing/kinesis/fake-errors.js';
import { fakeKinesis, marbles } from '../../lib/testing/index.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { fastReading, textOf } from '../support/fast-reading.js';
import { synchronousPort } from '../support/synchronous-port.js';

const shard = (client: KinesisPort): Shard => kinesisShard({ ...fastReading(client), shardId: toShardId(0) });
/** The payloads of shard 0, as they come. */
const texts = (client: KinesisPort): Observable<string> => shard(client).pipe(map(textOf));

describe('kinesisShard', () => {
  it(
    'emits the records of the shard as they arrive, and completes at its end',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^-------b-----c-|' } });
      // An iterator at 1, pages at 2, 12 and 22; a listing tells that the shard is closed.
      const expected = '--a---------b----------(c|)';

      expectObservable(shard(kinesis)).toBe(expected, kinesis.values);
    }),
  );

  it(
    'calls nothing before it is subscribed',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^' } });
      const expected = '----------a';
      const sub = '     --------^----!';

      expectObservable(texts(kinesis), sub).toBe(expected);
      expect(kinesis.calls).to.deep.equal([]);
      flush();
      expect(kinesis.calls[0]).to.include({ method: 'getShardIterator', atMs: 8 });
    }),
  );

  it(
    'errors when the service errors',
    marbles(({ expectObservable, flush }) => {
      const error = awsError('AccessDeniedException');
      const kinesis = fakeKinesis({ shards: { 0: 'a^' }, faults: [{ method: 'getRecords', error }] });
      const expected = '--#';

      expectObservable(texts(kinesis)).toBe(expected, undefined, shardReadError(error, { streamName: 'stream', shardId: toShardId(0) }));
      flush();
      expect(kinesis.calls).to.have.length(2);
    }),
  );

  it(
    'emits nothing of what is empty',
    marbles(({ expectObservable }) => {
      const open = fakeKinesis({ shards: { 0: '' } });
      const expectedOfOpen = '  ----';
      const unsub = '           ^ 1m !';
      const closed = fakeKinesis({ shards: { 0: '|^' } });
      const expectedOfClosed = '---|';

      expectObservable(texts(open), unsub).toBe(expectedOfOpen);
      expectObservable(texts(closed)).toBe(expectedOfClosed);
    }),
  );

  for (const [call, unsub, index] of [
    ['GetShardIterator', '^!', 0],
    ['GetRecords', '^--!', 1],
  ] as const) {
    it(
      `aborts the request under way when it is unsubscribed: ${call} (regression: the poll went on)`,
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab' }, latencyMs: 2 });
        const expected = '----';

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
      const expected = '(ab|)';

      expectObservable(texts(kinesis).pipe(take(2))).toBe(expected);
      flush();
      expect(kinesis.calls).to.deep.equal(['getShardIterator', 'getRecords']);
    }),
  );

  // Left out: 'serves two subscribers independently': a shard has one subscriber at a time (kinesisShard.spec.ts).

  it(
    'starts anew when it is subscribed again',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
      const expected = '--a-(a|)';

      // At its watermark: nothing was settled.
      expectObservable(texts(kinesis).pipe(take(1), repeat(2))).toBe(expected);
      flush();
      expect(kinesis.callsOf('getShardIterator').map(({ atMs }) => atMs)).to.deep.equal([0, 2]);
    }),
  );
});
