import { expect } from 'chai';
import { asyncScheduler, NEVER } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import { pid } from '../../lib/rates/pid.js';
import { resolveShardConfig, type ShardReadingConfig } from '../../lib/shards/config.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { readContext, resolveKinesis } from '../../lib/readers/config.js';

const client = fakeKinesis({ shards: {} });
const config: ShardReadingConfig = { client, streamName: 'flights', startFrom: 'TRIM_HORIZON' };

describe('the config of a source', () => {
  it('has defaults', () => {
    const reading = resolveShardConfig(config);
    expect(reading).to.deep.include({
      onGap: 'fail',
      scheduler: asyncScheduler,
      random: Math.random,
      stream: { streamName: 'flights', id: { StreamName: 'flights' } },
      store: undefined,
      stop$: NEVER,
      limits: { maxInFlightRecords: 10_000, maxInFlightBytes: 16_777_216 },
    });
    expect(reading.port).to.have.all.keys('listShards', 'getShardIterator', 'getRecords');
    expect(reading).to.include({ requestTimeoutMs: 30_000, stopTimeoutMs: 25_000 });
    expect(reading.retry).to.include({ maxRetries: 10, initialDelayMs: 100, maxDelayMs: 10_000 });
    expect(reading.reader).to.be.a('function');
  });

  it('has a budget of its own for each source, unless one is given', () => {
    const { budget } = resolveShardConfig(config);
    expect(resolveShardConfig(config).budget).not.to.equal(budget);
    expect(resolveShardConfig({ ...config, budget }).budget).to.equal(budget);
  });

  it('takes what it is given', () => {
    const given = { store: memoryCheckpoints(), reader: () => NEVER, onGap: () => 'continue' as const, random: () => 0 };
    const startFrom = new Date(7);
    expect(resolveShardConfig({ ...config, ...given, startFrom })).to.include({ ...given, startFrom });
  });

  it('takes the name of the stream from its ARN', () => {
    const streamARN = 'arn:aws-cn:kinesis:cn-north-1:123456789012:stream/flights';
    const { stream } = resolveShardConfig({ ...config, streamName: undefined, streamARN });
    expect(stream).to.deep.equal({ streamName: 'flights', id: { StreamARN: streamARN } });
  });

  it('gives a reader what it needs of one shard', () => {
    const reading = resolveShardConfig(config);
    const context = readContext(reading, reading.stream, 'shardId-000000000007');
    expect(context).to.include({ shardId: 'shardId-000000000007', port: reading.port, budget: reading.budget, scheduler: asyncScheduler });
    const own = [
      'client',
      'port',
      'watched',
      'budget',
      'retry',
      'scheduler',
      'random',
      'onGap',
      'deaggregate',
      'payloads',
      'notify',
      'isLean',
    ];
    expect(context).to.have.all.keys('stream', 'shardId', ...own);
  });

  it('hands events to the observer, and ignores what that throws', () => {
    const seen: string[] = [];
    const next = ({ type }: { readonly type: string }): never => {
      seen.push(type);
      throw new Error('observer');
    };
    const { notify } = resolveKinesis({ client, events: { next } });
    notify({ type: 'discoveryFailed', reason: 'transient', streamName: 'flights', error: undefined });
    expect(seen).to.deep.equal(['discoveryFailed']);
    expect(() =>
      resolveKinesis({ client }).notify({ type: 'discoveryFailed', reason: 'transient', streamName: 'flights', error: undefined }),
    ).not.to.throw();
  });

  describe('is refused with', () => {
    const bad: Record<string, [object, RegExp]> = {
      'no client': [{ client: undefined }, /client: expected a KinesisClient/],
      'something else for a client': [{ client: {} }, /client: expected a KinesisClient/],
      'a latency that is none': [{ latency: 'high' }, /latency: expected 'low', got "high"/],
      'a latency beside a reader': [{ latency: 'low', reader: () => NEVER }, /latency: belongs to the reader, which is given/],
      'no startFrom': [{ startFrom: undefined }, /startFrom: expected 'TRIM_HORIZON', 'LATEST' or a Date, got undefined/],
      'a word that startFrom does not know': [{ startFrom: 'EARLIEST' }, /startFrom.*got "EARLIEST"$/],
      'a Date that is none': [{ startFrom: new Date(NaN) }, /startFrom.*got an invalid Date$/],
      'neither name nor ARN': [{ streamName: undefined }, /expected either streamName or streamARN/],
      'a bad name': [{ streamName: 'my stream' }, /streamName.*"my stream"/],
      'a bad ARN': [{ streamName: undefined, streamARN: 'arn:aws:s3:::flights' }, /streamARN/],
      'no credit in records': [{ maxInFlightRecords: 0 }, /maxInFlightRecords: expected a whole number from 1 up, got 0/],
      'half a record': [{ maxInFlightRecords: 1.5 }, /maxInFlightRecords.*got 1.5/],
      'endless credit': [{ maxInFlightRecords: Infinity }, /maxInFlightRecords.*got Infinity/],
      'a negative credit in bytes': [{ maxInFlightBytes: -1 }, /maxInFlightBytes.*got -1/],
      'a store that cannot write': [{ store: { read: () => [] } }, /store: expected a CheckpointStore/],
      'an onGap that it does not know': [{ onGap: 'ignore' }, /onGap: expected 'fail', 'continue' or a function, got "ignore"$/],
      'an estimator that is not called': [{ rateEstimator: pid }, /^rateEstimator: expected pid\(\), got the function pid itself$/],
      'a budget that is not called': [{ budget: readBudget }, /^budget: expected readBudget\(\), got the function readBudget itself$/],
      'an estimator that is none': [{ rateEstimator: {} }, /^rateEstimator.start: expected a function, got undefined$/],
      'negative retries': [{ retry: { maxRetries: -1 } }, /retry.maxRetries.*got -1/],
      'a negative delay': [{ retry: { initialDelayMs: -1 } }, /retry.initialDelayMs.*got -1/],
      'a delay that is no number': [{ retry: { maxDelayMs: NaN } }, /retry.maxDelayMs.*got NaN/],
    };
    for (const [name, [fields, message]] of Object.entries(bad)) {
      it(name, () => {
        expect(() => resolveShardConfig({ ...config, ...fields }))
          .to.throw(message)
          .that.satisfies(isInvalidConfig);
      });
    }
  });
});
