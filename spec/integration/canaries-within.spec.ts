import { expect } from 'chai';
import { MemoryLevel } from 'memory-level';
import {
  bufferTime,
  concat,
  concatMap,
  defer,
  EMPTY,
  filter,
  from,
  lastValueFrom,
  NEVER,
  of,
  take,
  throwError,
  timer,
  toArray,
  type Observable,
  type ObservableInput,
} from 'rxjs';
import {
  blockStore,
  BlockUnavailableError,
  checkpointEvery,
  kinesisShard,
  kinesisStream,
  memoryCheckpoints,
  mergeShards,
  polling,
  rawErrorOf,
  recoverFrom,
  SequenceNumberRanges,
  withSequenceRanges,
  type Block,
  type BlockStore,
  type CheckpointStore,
  type KinesisEvent,
  type KinesisRecord,
  type LeasingStore,
} from '../../lib/index.js';
import { levelCheckpoints } from '../../lib/level/index.js';
import { block, fakeKinesis, record } from '../../lib/testing/index.js';
import { canaries, canariesIn, canaryPayload, shownBy } from '../support/canaries.js';
import { checkpointOf, shardNamed } from '../support/checkpoint-store-contract.js';
import { rangeOf } from '../support/ranges.js';
import { thrownBy } from '../support/thrown-by.js';
import type { StreamFields } from '../support/fast-reading.js';

const TEXT = Object.values(canaries).join(' ');
const hot = (sequenceNumber: number): KinesisRecord => ({
  ...record(sequenceNumber),
  partitionKey: canaries.partitionKey,
  data: canaryPayload,
});

const errorOf = (values$: Observable<unknown>): Promise<unknown> =>
  lastValueFrom(values$.pipe(toArray())).then(
    (values) => expect.fail(`no error but ${values.length} values`),
    (error: unknown) => error,
  );

/** What the driver of somebody's own may error with. */
const throwing = (): Observable<never> =>
  throwError(() => Object.assign(new Error(TEXT, { cause: new Error(TEXT) }), { name: TEXT, code: TEXT, query: TEXT }));

function expectClean(...told: readonly unknown[]): void {
  for (const each of told) {
    const texts = shownBy(each);
    expect(canariesIn(texts), texts.join('\n').slice(0, 2_000)).to.deep.equal([]);
  }
}

describe('no payload, partition key or text of a store is told', () => {
  describe('by recoverFrom with the option read', () => {
    const ranges = new SequenceNumberRanges([rangeOf(1, 3, 3)]);
    const lost = (): Observable<Block> => {
      let tries = 0;
      return defer(() => (tries++ === 0 ? throwError(() => new BlockUnavailableError(ranges)) : EMPTY));
    };
    const reads: Readonly<Record<string, Observable<KinesisRecord>>> = {
      'that misses the first record': of(hot(2), hot(3)),
      'that misses one between': of(hot(1), hot(3)),
      'that has one too many': of(hot(1), hot(2), { ...hot(2), subSequenceNumber: 1 }, hot(3)),
      'that misses the last': of(hot(1), hot(2)),
      'that has others': of(hot(7), hot(8)),
      'that stalls': concat(of(hot(1)), NEVER),
    };
    for (const [what, read$] of Object.entries(reads)) {
      it(what, async () => {
        const config = { read: () => read$, retryTimeoutMs: 5, maxRecoveries: 1 };
        const error = await errorOf(lost().pipe(recoverFrom(memoryCheckpoints(), config)));
        expect(error)
          .to.have.property('code')
          .that.matches(/^(RANGE_EXPIRED|RANGE_INCOMPLETE|RECOVERY_TIMEOUT)$/);
        expectClean(error);
      });
    }
  });

  describe('by a shard', () => {
    /** Reads records with canaries until the pipeline is over. */
    async function told(pipeline: (shard: Observable<KinesisRecord>) => Observable<unknown>, store?: CheckpointStore) {
      const events: KinesisEvent[] = [];
      const errors: unknown[] = [];
      const records = [1, 2, 3].map(() => ({ PartitionKey: canaries.partitionKey, Data: canaryPayload }));
      const kinesis = fakeKinesis({ shards: { 0: '' } });
      const client = {
        ...kinesis,
        getRecords: () =>
          of({
            Records: records.map((each, i) => ({ ...each, SequenceNumber: String(i + 2) })),
            NextShardIterator: undefined,
            ChildShards: [],
          }),
      };
      const shard = kinesisShard({
        ...{ client, streamName: 'stream', shardId: 'shardId-000000000000', startFrom: 'TRIM_HORIZON' },
        ...{ reader: polling({ idleDelayMs: 1 }), stop: timer(100), retry: { maxRetries: 1, initialDelayMs: 1 } },
        ...{ events: { next: (event: KinesisEvent) => void events.push(event) }, ...(store && { store }) },
      });
      await lastValueFrom(pipeline(shard), { defaultValue: undefined }).catch((error: unknown) => errors.push(error));
      return { events, errors };
    }
    const blocks = (shard: Observable<KinesisRecord>) => shard.pipe(bufferTime(1), withSequenceRanges());

    it('that is read and settled', async () => {
      const { events, errors } = await told((shard) => blocks(shard).pipe(checkpointEvery(1)), memoryCheckpoints());
      expect(events.map(({ type }) => type)).to.include.members(['pageRead', 'checkpointWritten']);
      expectClean(...events, ...errors);
    });

    it('whose blocks are dropped', async () => {
      const { events, errors } = await told(
        (shard) =>
          blocks(shard).pipe(
            filter(() => false),
            checkpointEvery(1),
          ),
        memoryCheckpoints(),
      );
      expectClean(...events, ...errors);
    });

    it('whose records come out of order', async () => {
      const { errors, events } = await told((shard) =>
        shard.pipe(
          take(2),
          toArray(),
          concatMap(([a, b]) => of([b!], [a!])),
          withSequenceRanges(),
        ),
      );
      expect(errors[0]).to.have.property('code', 'OUT_OF_ORDER');
      expectClean(...errors, ...events);
    });

    it('whose records are copied', async () => {
      const copied = (shard: Observable<KinesisRecord>) =>
        shard.pipe(
          concatMap((each) => of([{ ...each }])),
          withSequenceRanges(),
          checkpointEvery(1),
        );
      const { errors, events } = await told(copied);
      expect(errors[0]).to.have.property('code', 'INVALID_CONFIG');
      expectClean(...errors, ...events);
    });

    for (const call of ['read', 'write'] as const) {
      it(`whose store quotes them when a ${call} fails`, async () => {
        const store = { ...memoryCheckpoints(), [call]: throwing };
        const { errors, events } = await told((shard) => blocks(shard).pipe(checkpointEvery(1, { maxRetries: 1, retryDelayMs: 1 })), store);
        expect(errors[0])
          .to.have.property('code')
          .that.matches(/CHECKPOINT/);
        expect(events.map(({ type }) => type)).to.include(call === 'read' ? 'storeRetry' : 'checkpointFailed');
        expectClean(...errors, ...events);
      });
    }
  });

  describe('by a stream', () => {
    /** Reads with parts of the user's own, which quote what they should not, until it fails. */
    async function told(config: StreamFields) {
      const events: KinesisEvent[] = [];
      const stream$ = kinesisStream({
        ...{ client: fakeKinesis({ shards: { 0: 'a^' } }), streamName: 'stream', startFrom: 'TRIM_HORIZON' },
        ...{ reader: polling({ idleDelayMs: 1 }), retry: { maxRetries: 1, initialDelayMs: 1 }, stop: timer(1_000) },
        ...{ events: { next: (event: KinesisEvent) => void events.push(event) }, ...config },
      });
      const restart = { maxRestarts: 1, initialDelayMs: 1 };
      return { error: await errorOf(stream$.pipe(mergeShards((shard) => shard, { restart }))), events };
    }

    for (const method of ['listShards', 'getShardIterator', 'getRecords'] as const) {
      it(`whose port quotes them when ${method} fails`, async () => {
        const { error, events } = await told({ client: { ...fakeKinesis({ shards: { 0: 'a^' } }), [method]: throwing } });
        expect(error).to.have.property('code', 'SHARD_READ');
        expect(rawErrorOf(error)).to.have.property('message', TEXT);
        expect(events.filter((event) => 'error' in event)).not.to.deep.equal([]);
        expectClean(error, ...events);
      });
    }

    it('whose store quotes them when it can give no leases', async () => {
      const store: LeasingStore = { ...memoryCheckpoints(), leases: throwing, release: () => EMPTY };
      const { error, events } = await told({ store });
      expect(rawErrorOf(error)).to.have.property('message', TEXT);
      expectClean(error, ...events);
    });
  });

  for (const call of ['put', 'get', 'list'] as const) {
    it(`by a block store of the user's own when a ${call} fails`, async () => {
      const told: unknown[] = [];
      const none = (): Observable<never> => EMPTY;
      const disk: BlockStore = { put: none, get: none, delete: none, list: none, [call]: throwing };
      const blocks = blockStore('DISK_ONLY', { disk, events: { next: (event) => void told.push(event) } });
      const made = block(1);
      const calls = { put: () => blocks.put(made), get: () => blocks.get(made.id), list: () => blocks.list() };
      const called$: Observable<unknown> = defer(() => from<ObservableInput<unknown>>(calls[call]()));
      await lastValueFrom(called$, { defaultValue: undefined }).catch((error: unknown) => told.push(error));
      expect(told).not.to.deep.equal([]);
      expectClean(...told);
    });
  }

  describe('by levelCheckpoints', () => {
    const shard = shardNamed();
    const KEY = `rx-kinesis/checkpoint/${shard.streamName}/${shard.shardId}`;

    it('of an entry that is not its own', async () => {
      const valid = { version: 1, ...checkpointOf(shard, '5') };
      const texts = [TEXT, JSON.stringify(TEXT), JSON.stringify({ [TEXT]: TEXT }), JSON.stringify({ ...valid, settledBeyond: TEXT })];
      for (const text of texts) {
        const db = new MemoryLevel();
        await db.put(KEY, text);
        const store = levelCheckpoints(db);
        expectClean(
          await errorOf(of(0).pipe(concatMap(() => store.read(shard)))),
          await errorOf(of(0).pipe(concatMap(() => store.write(checkpointOf(shard, '6'), shard)))),
        );
      }
    });

    it('of a database whose errors quote', async () => {
      const failing = () => Promise.reject(Object.assign(new Error(TEXT), { code: TEXT, cause: new Error(TEXT), value: TEXT }));
      const store = levelCheckpoints({ get: failing, put: failing });
      expectClean(
        await errorOf(of(0).pipe(concatMap(() => store.read(shard)))),
        await errorOf(of(0).pipe(concatMap(() => store.write(checkpointOf(shard, '6'), shard)))),
      );
    });
  });

  it('by ranges that are read from JSON', () => {
    const texts = [
      TEXT,
      JSON.stringify(TEXT),
      JSON.stringify({ version: 1, ranges: TEXT }),
      JSON.stringify({ version: 1, ranges: [{ note: TEXT }] }),
    ];
    for (const text of texts) expectClean(thrownBy(() => SequenceNumberRanges.fromJSON(text)));
  });
});
