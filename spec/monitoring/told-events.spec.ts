import { expect } from 'chai';
import { bufferCount, concatMap, delay, map, mergeMap, of, take, takeUntil, timer } from 'rxjs';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import { CheckpointError } from '../../lib/checkpoints/errors.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { loadBlocks } from '../../lib/operators/loadBlocks.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { polling } from '../../lib/readers/polling.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeLeases, marbles } from '../../lib/testing/index.js';
import { openBlock } from '../../lib/tracking/tracked-block.js';
import { handFedShard } from '../support/hand-fed-shard.js';
import { recordingStore } from '../support/recording-store.js';
import { inLetters, instantKinesis, PASSING, quickReading, quickShard } from '../support/quick-shard.js';

type Of<Type extends KinesisEvent['type']> = Extract<KinesisEvent, { type: Type }>;

/** Keeps what is told. */
function listening() {
  const told: KinesisEvent[] = [];
  const of_ = <Type extends KinesisEvent['type']>(...types: readonly Type[]): Of<Type>[] =>
    told.filter((event): event is Of<Type> => (types as readonly string[]).includes(event.type));
  return { events: { next: (event: KinesisEvent) => void told.push(event) }, told, of: of_ };
}

const place = { streamName: 'stream', shardId: 'shardId-000000000000' };

describe('the events', () => {
  it(
    'tell of each block when it is made, and of a page whether blocks are open by then',
    marbles(({ flush }) => {
      const { events, of: told } = listening();
      quickShard(instantKinesis({ shards: { 0: 'ab--c-|' } }), { events })
        .pipe(bufferCount(2), withSequenceRanges(), delay(2))
        .subscribe();
      flush();
      expect(told('blockOpened')).to.deep.equal([
        { type: 'blockOpened', at: 1, ...place, records: 2, bytes: 2 },
        { type: 'blockOpened', at: 6, ...place, records: 1, bytes: 1 },
      ]);
      // Nothing settles here.
      expect(told('pageRead').map(({ at, hasOpenBlocks }) => [at, hasOpenBlocks])).to.deep.equal(
        [0, 1, 2, 3, 4, 5, 6].map((at) => [at, at > 1]),
      );
    }),
  );

  it(
    'tell how far behind a settled block is, also when its records came at time 0, and not when that is unknown',
    marbles(({ flush }) => {
      const { events, of: told } = listening();
      const client = instantKinesis({ shards: { 0: 'a--b--c|' } });
      const unknown = (at: Date | undefined) => (at?.getTime() === 3 ? new Date(NaN) : at);
      const getRecords: typeof client.getRecords = (request) =>
        client.getRecords(request).pipe(
          map((page) => ({
            ...page,
            Records: page.Records.map((one) => ({ ...one, ApproximateArrivalTimestamp: unknown(one.ApproximateArrivalTimestamp) })),
          })),
        );
      quickShard({ ...client, getRecords }, { events, store: recordingStore() })
        .pipe(bufferCount(1), withSequenceRanges(), delay(5), checkpointEvery(10))
        .subscribe();
      flush();
      expect(told('blockSettled').map(({ lagMs }) => lagMs)).to.deep.equal([5, undefined, 5]);
    }),
  );

  it(
    'tell which blocks a store took, which it lost, and that they came again',
    marbles(({ flush }) => {
      const { events, of: told } = listening();
      const blocks = { ...memoryBlocks(), get: () => of(undefined) };
      const shard = quickShard(instantKinesis({ shards: { 0: 'abc|' } }), { events, store: recordingStore() });
      shard
        .pipe(
          bufferCount(2),
          withSequenceRanges(),
          storeBlocks(blocks, { shard }),
          loadBlocks(blocks, { shard }),
          releaseBlocks(blocks),
          checkpointEvery(10),
        )
        .subscribe();
      flush();
      const [ab, c] = [
        { ...place, blockId: `stream/${place.shardId}/1-2/2`, records: 2 },
        { ...place, blockId: `stream/${place.shardId}/3-3/1`, records: 1 },
      ];
      const shown = told('blockStored', 'blockLost', 'blockRecovered').map(({ at: _, ...event }) => event);
      expect(shown).to.deep.equal([
        { type: 'blockStored', ...ab },
        { type: 'blockLost', ...ab },
        { type: 'blockRecovered', ...ab },
        { type: 'blockStored', ...c },
        { type: 'blockLost', ...c },
        { type: 'blockRecovered', ...c },
      ]);
    }),
  );

  it(
    'tell of a page that stored blocks are open which nobody has released',
    marbles(({ flush }) => {
      const { events, of: told } = listening();
      const blocks = memoryBlocks();
      const shard = quickShard(instantKinesis({ shards: { 0: 'a---^---' } }), { events, store: recordingStore() });
      shard
        .pipe(
          bufferCount(1),
          withSequenceRanges(),
          storeBlocks(blocks, { shard }),
          checkpointEvery(10),
          loadBlocks(blocks, { shard }),
          takeUntil(timer(9)),
        )
        .subscribe();
      flush();
      expect(told('blockSettled').map(({ hasOpenBlocks }) => hasOpenBlocks)).to.deep.equal([true]);
      expect(told('pageRead').at(-1)).to.include({ records: 0, hasOpenBlocks: true });
    }),
  );

  it(
    'tell which blocks a failure above recoverFrom took along, and that they came again',
    marbles(({ flush }) => {
      const { events, of: told } = listening();
      // At 5 a has passed, and b is on its way.
      const client = instantKinesis({ shards: { 0: 'a---b--c-|' }, faults: [{ method: 'getRecords', fromMs: 5, error: PASSING }] });
      const store = recordingStore();
      quickShard(client, { events, store })
        .pipe(bufferCount(1), withSequenceRanges(), delay(2), recoverFrom(store), checkpointEvery(10))
        .subscribe();
      flush();
      const b = { ...place, blockId: `stream/${place.shardId}/2-2/1`, records: 1 };
      const shown = told('blockLost', 'blockRecovered').map(({ at: _, ...event }) => event);
      expect(shown).to.deep.equal([
        { type: 'blockLost', ...b },
        { type: 'blockRecovered', ...b },
      ]);
    }),
  );

  const skipped = (work: Readonly<Record<string, number>>, latencyMs: number | undefined) => {
    const { events, of: told } = listening();
    return {
      skips: () => told('checkpointSkipped').map(({ at, reason }) => [at, reason]),
      run$: quickShard(instantKinesis({ shards: { 0: 'd' in work ? 'abcd' : 'abc' } }), {
        events,
        store: recordingStore({ latencyMs }),
      }).pipe(
        map((one) => [one]),
        withSequenceRanges(),
        mergeMap((block) => of(block).pipe(delay(work[inLetters(block)]!))),
        checkpointEvery(10),
        takeUntil(timer(60)),
      ),
    };
  };

  it(
    'tell of a checkpoint that is not written, since the one before is under way',
    marbles(({ flush }) => {
      // At 10 a is written, until 25; b is settled at 13 and written from 30 on, until 45; c is settled at 16.
      const { run$, skips } = skipped({ a: 1, b: 12, c: 14 }, 15);
      run$.subscribe();
      flush();
      expect(skips()).to.deep.equal([[20, 'writing']]);
    }),
  );

  it(
    'tell of a checkpoint that is not written, since a block holds the watermark',
    marbles(({ flush }) => {
      // At 10 a is written; c is settled at 16, which the write at 20 says; b, which is before it, is settled at 36.
      const { run$, skips } = skipped({ a: 1, b: 35, c: 14 }, undefined);
      run$.subscribe();
      flush();
      expect(skips()).to.deep.equal([[30, 'held']]);
    }),
  );

  it(
    'tell of no skipped checkpoint at a tick that writes, though a block holds the watermark',
    marbles(({ flush }) => {
      // b is settled at 15, d at 13; c never.
      const { run$, skips } = skipped({ a: 1, b: 14, c: 100, d: 10 }, undefined);
      run$.subscribe();
      flush();
      expect(skips()).to.deep.equal([[30, 'held']]);
    }),
  );

  it('tell of no block of records that an earlier subscription delivered', () => {
    const { account, deliver, events } = handFedShard();
    const records = deliver(1, 2);
    account.ledger.restart();
    openBlock(records);
    expect(events.map(({ type }) => type)).to.deep.equal(['pageRead']);
  });

  it(
    'tell nothing of a shard after its release, though work that a lost lease has left behind goes on',
    marbles(({ flush }) => {
      const { events, told } = listening();
      const table = fakeLeases();
      const store = table.worker('w1', { failoverTimeMs: 900 });
      const done: string[] = [];
      kinesisStream({ ...quickReading(), client: instantKinesis({ shards: { 0: 'abc-' } }), store, events })
        .pipe(
          mergeShards((shard) => shard.pipe(bufferCount(1), withSequenceRanges())),
          concatMap((block) => of(block).pipe(delay(600))),
          checkpointEvery(100),
          takeUntil(timer(2_000)),
        )
        .subscribe((block) => done.push(inLetters(block)));
      // Another worker takes the shard while b is worked on, and renews its lease.
      timer(700, 300)
        .pipe(take(5))
        .subscribe((renewals) => table.put(0, { leaseOwner: 'w2', leaseCounter: 100 + renewals }));
      flush();
      expect(done).to.deep.equal(['a', 'b', 'c']);
      const ofShard = told.filter((event) => 'streamName' in event && 'shardId' in event).map(({ type }) => type);
      expect(ofShard.filter((type) => type === 'blockSettled')).to.have.length(1);
      expect(ofShard.at(-1)).to.equal('shardReleased');
    }),
  );

  it(
    'tell of a reader that goes on after it was told to have paused, and of no other',
    marbles(({ flush }) => {
      const { events, of: told } = listening();
      const pause = (ms: number) =>
        quickShard(instantKinesis({ shards: { 0: 'ab|' } }), { events, maxInFlightRecords: 1, store: recordingStore() }).pipe(
          map((one) => [one]),
          withSequenceRanges(),
          delay(ms),
          checkpointEvery(Infinity),
        );
      pause(9_000).subscribe();
      flush();
      expect(told('readerPaused', 'readerResumed')).to.deep.equal([]);
      pause(10_500).subscribe();
      flush();
      const kinds = told('readerPaused', 'readerResumed').map(({ type, pausedMs }) => [type, pausedMs]);
      expect(kinds.slice(0, 2)).to.deep.equal([
        ['readerPaused', 10_000],
        ['readerResumed', 10_500],
      ]);
    }),
  );

  it(
    'tell of each renewal and of each look at the lease table',
    marbles(({ flush }) => {
      const { events, of: told } = listening();
      const store = fakeLeases().worker('w1', { failoverTimeMs: 900, lookIntervalMs: 500, events });
      const client = instantKinesis({ shards: { 0: 'a-' } });
      kinesisStream({ ...quickReading(), client, store, events: 'silent', reader: polling({ idleDelayMs: 100 }) })
        .pipe(
          mergeShards((shard) => shard),
          takeUntil(timer(1_700)),
        )
        .subscribe();
      flush();
      expect(told('leaseRenewed').map(({ shardId, workerId }) => [shardId, workerId])).to.deep.equal(
        Array.from({ length: 5 }, () => [place.shardId, 'w1']),
      );
      expect(told('leasesSeen').at(-1)).to.include({ workerId: 'w1', leases: 1, held: 1 });
    }),
  );

  it(
    'say of a failed request whether it was throttled, also within an error of this package',
    marbles(({ flush, scheduler }) => {
      const { events, of: told } = listening();
      const store = recordingStore({ scheduler });
      const throttled = Object.assign(new Error(), { name: 'ProvisionedThroughputExceededException' });
      store.refuse(throttled);
      store.refuse(new CheckpointError('refused', { ...place, retriable: true, cause: throttled }));
      store.refuse(new CheckpointError('refused', { ...place, retriable: false }));
      store.refuse(new Error('connection lost'));
      quickShard(instantKinesis({ shards: { 0: 'a' } }), { events, store })
        .pipe(bufferCount(1), withSequenceRanges(), checkpointEvery(10, { maxRetries: 0 }), takeUntil(timer(60)))
        .subscribe();
      flush();
      expect(told('checkpointFailed').map(({ reason }) => reason)).to.deep.equal(['throttling', 'throttling', 'fatal', 'transient']);
    }),
  );
});
