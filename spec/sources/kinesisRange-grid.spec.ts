import { expect } from 'chai';
import { repeat, take } from 'rxjs';
import { RangeExpiredError } from '../../lib/kinesis/errors.js';
import { shardReadError } from '../../lib/kinesis/shardReadError.js';
import { kinesisRange } from '../../lib/sources/kinesisRange.js';
import { awsError } from '../../lib/testing/kinesis/fake-errors.js';
import { fakeKinesis, marbles } from '../../lib/testing/index.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { range, single } from '../support/range-reading.js';
import { synchronousPort } from '../support/synchronous-port.js';

describe('kinesisRange', () => {
  it(
    'emits exactly the records of the range, then completes',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abcdefg^' } });
      const expected = '--(cde|)';

      expectObservable(kinesisRange(range(3, 5), { client: kinesis })).toBe(expected, kinesis.values);
    }),
  );

  it(
    'calls nothing before it is subscribed',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
      const expected = '----------(ab|)';
      const sub = '     --------^------';

      expectObservable(single(kinesis, range(1, 2)), sub).toBe(expected);
      expect(kinesis.calls).to.deep.equal([]);
      flush();
      expect(kinesis.calls[0]).to.include({ method: 'getShardIterator', atMs: 8 });
    }),
  );

  it(
    'errors when the service errors',
    marbles(({ expectObservable, flush }) => {
      const error = awsError('AccessDeniedException');
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' }, faults: [{ method: 'getRecords', error }] });
      const expected = '--#';
      const place = { streamName: 'stream', shardId: toShardId(0) };

      expectObservable(single(kinesis, range(1, 2))).toBe(expected, undefined, shardReadError(error, place));
      flush();
      expect(kinesis.calls).to.have.length(2);
    }),
  );

  it(
    'emits nothing of what is empty',
    marbles(({ expectObservable }) => {
      const kinesis = fakeKinesis({ shards: { 0: '|^' } });
      const expected = '---#';
      const gap = { streamName: 'stream', shardId: toShardId(0), from: { sequenceNumber: '1', subSequenceNumber: 0 } };

      // A range is never empty: what it names is gone.
      expectObservable(single(kinesis, range(1, 2))).toBe(expected, undefined, new RangeExpiredError(gap, [range(1, 2)]));
    }),
  );

  for (const [call, unsub, index] of [
    ['GetShardIterator', '^!', 0],
    ['GetRecords', '^--!', 1],
  ] as const) {
    it(
      `aborts the request under way when it is unsubscribed: ${call}`,
      marbles(({ expectObservable, flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'abc^' }, latencyMs: 2 });
        const expected = '----';

        expectObservable(single(kinesis, range(1, 2)), unsub).toBe(expected);
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
      const expected = '(bc|)';

      expectObservable(single(kinesis, range(2, 5), { maxRecordsPerPage: 1 }).pipe(take(2))).toBe(expected);
      flush();
      expect(kinesis.calls).to.deep.equal(['getShardIterator', 'getRecords', 'getRecords']);
    }),
  );

  it(
    'serves two subscribers independently',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
      const sub1 = '     ^------    ';
      const expected1 = '--(ab|)    ';
      const sub2 = '     -^------   ';
      const expected2 = '---(ab|)   ';

      const result = single(kinesis, range(1, 2));
      expectObservable(result, sub1).toBe(expected1);
      expectObservable(result, sub2).toBe(expected2);
      flush();
      expect(kinesis.callsOf('getShardIterator').map(({ atMs }) => atMs)).to.deep.equal([0, 1]);
    }),
  );

  it(
    'starts anew when it is subscribed again',
    marbles(({ expectObservable, flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
      const expected = '--a-(a|)';

      expectObservable(single(kinesis, range(1, 2)).pipe(take(1), repeat(2))).toBe(expected);
      flush();
      expect(kinesis.callsOf('getShardIterator').map(({ atMs }) => atMs)).to.deep.equal([0, 2]);
    }),
  );
});
