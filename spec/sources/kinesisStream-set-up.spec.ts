import { expect } from 'chai';
import { asyncScheduler, defer, NEVER, throwError, type Observable } from 'rxjs';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { isShardReadError } from '../../lib/kinesis/errors.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import type { KinesisConfig } from '../../lib/readers/config.js';
import { fanOut } from '../../lib/readers/fanOut.js';
import { kinesisRange } from '../../lib/sources/kinesisRange.js';
import { kinesisRanges } from '../../lib/sources/kinesisRanges.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { isUnreachable } from '../../lib/values/errors.js';
import { fastReading, textsOf } from '../support/fast-reading.js';

/** Faults of the set-up as the SDK gives them, and after how many seconds they are told at the latest. */
const FAULTS: Readonly<Record<string, readonly [error: Error, seconds: number]>> = {
  'without a region': [new Error('Region is missing'), 1],
  'at an endpoint without HTTP/2': [Object.assign(new Error('Protocol error'), { code: 'ERR_HTTP2_ERROR' }), 1],
  'where nobody listens': [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 15],
  'at another service, whose answers are no JSON': [
    Object.assign(new SyntaxError('Unexpected token <'), { $metadata: { httpStatusCode: 404 } }),
    15,
  ],
  'of an unknown host': [Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }), 15],
};

/** Reads until the end, or for 70 s, and notes how that came. */
function followed(kinesis: FakeKinesis, config: Partial<KinesisStreamConfig> = {}) {
  const seen: { text: string; error?: unknown; endMs?: number; events: KinesisEvent[] } = { text: '', events: [] };
  const next = (event: KinesisEvent): void => void seen.events.push(event);
  const subscription = kinesisStream(fastReading(kinesis, { events: { next }, ...config }))
    .pipe(mergeShards((shard) => shard))
    .subscribe({
      next: (record) => (seen.text += textsOf([record])),
      error: (error: unknown) => Object.assign(seen, { error, endMs: asyncScheduler.now() }),
    });
  asyncScheduler.schedule(() => subscription.unsubscribe(), 70_000);
  return seen;
}

const typesOf = ({ events }: { readonly events: readonly KinesisEvent[] }): string[] => events.map(({ type }) => type);

function expectUnreachable(error: unknown, service: string): void {
  expect(error).to.satisfy(isUnreachable).and.to.include({ service, streamName: 'stream' });
  expect((error as Error).message).to.match(new RegExp(`^stream: ${service} cannot be reached: \\w`));
}

describe('kinesisStream, whose set-up is at fault,', () => {
  for (const [where, [error, seconds]] of Object.entries(FAULTS)) {
    it(
      `ends within seconds and says what to do: Kinesis ${where}`,
      marbles(({ flush }) => {
        const seen = followed(fakeKinesis({ shards: { 0: 'a' }, faults: [{ error, times: 1_000 }] }));
        flush();
        expectUnreachable(seen.error, 'Kinesis');
        expect(seen.endMs).to.be.below(seconds * 1_000);
      }),
    );

    for (const kind of ['checkpoints', 'leases'] as const) {
      it(
        `ends the stream within seconds, before a shard is read: a store of ${kind} ${where}`,
        marbles(({ flush }) => {
          const failing = (): Observable<never> => defer(() => throwError(() => error));
          const store: CheckpointStore = {
            ...memoryCheckpoints(),
            read: failing,
            write: failing,
            // As a lease table, which goes on trying.
            ...(kind === 'leases' && { leases: () => NEVER, release: failing }),
          };
          const seen = followed(fakeKinesis({ shards: { 0: 'a' } }), { store });
          flush();
          expectUnreachable(seen.error, 'the store');
          expect(seen.endMs).to.be.below(seconds * 1_000);
          expect(seen.text).to.equal('');
        }),
      );
    }
  }
});

describe('a source whose set-up is at fault names the stream:', () => {
  const range = { streamName: 'stream', shardId: 'shardId-000000000000', fromSeqNumber: '1', toSeqNumber: '2' };
  const shard = { streamName: 'stream', shardId: 'shardId-000000000000', startFrom: 'TRIM_HORIZON' } as const;
  const sources: Readonly<Record<string, (config: KinesisConfig) => Observable<unknown>>> = {
    kinesisShard: (config) => kinesisShard({ ...config, ...shard }),
    'kinesisShard by fanOut': (config) => kinesisShard({ ...config, ...shard, reader: fanOut({ consumerName: 'app' }) }),
    kinesisRange: (config) => kinesisRange(range, config),
    kinesisRanges: (config) => kinesisRanges([range], config),
  };
  for (const [name, source] of Object.entries(sources)) {
    it(
      name,
      marbles(({ flush }) => {
        const client = fakeKinesis({ shards: { 0: 'a' }, faults: [{ error: new Error('Region is missing'), times: 1_000 }] });
        const errors: unknown[] = [];
        source({ client, events: 'silent' }).subscribe({ error: (error: unknown) => errors.push(error) });
        flush();
        expectUnreachable(errors[0], 'Kinesis');
      }),
    );
  }
});

describe('kinesisStream, at the start,', () => {
  for (const name of ['CredentialsProviderError', 'ExpiredTokenException', 'ResourceInUseException']) {
    it(
      `waits for what passes by itself, and tells of each try: ${name}`,
      marbles(({ flush }) => {
        const seen = followed(fakeKinesis({ shards: { 0: 'a' }, faults: [{ method: 'listShards', error: name, times: 5 }] }));
        flush();
        expect(seen.text).to.equal('a');
        expect(typesOf(seen).slice(0, 6)).to.deep.equal([...Array<string>(5).fill('discoveryFailed'), 'shardsDiscovered']);
      }),
    );

    it(
      `does not wait for ever: ${name}`,
      marbles(({ flush }) => {
        const seen = followed(fakeKinesis({ shards: { 0: 'a' }, faults: [{ method: 'listShards', error: name, times: 1_000 }] }));
        flush();
        expect(seen.error).to.satisfy(isShardReadError);
        expect(seen.endMs).to.be.below(60_000);
      }),
    );
  }
});
