import { expect } from 'chai';
import { bufferCount, bufferTime, concatMap, delay, filter, identity, map, of, tap, timer, type Observable } from 'rxjs';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { loadBlocks } from '../../lib/operators/loadBlocks.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { fakeLeases } from '../support/fake-leases.js';
import { fastReading, textOf, textsOf } from '../support/fast-reading.js';
import { recordingStore } from '../support/recording-store.js';

function fail(): Block {
  throw new Error('failed');
}

describe('kinesisStream, stopped while the work behind mergeShards goes on', () => {
  const work = (block: Block): Observable<Block> => of(block).pipe(delay(100));
  const shapes = { 'a closed shard': '(abc|)', 'an open shard': '(abc)' };
  for (const [name, records] of Object.entries(shapes)) {
    it(
      `keeps the lease until that is done and written: ${name}`,
      marbles(({ scheduler, flush }) => {
        const store = fakeLeases({ scheduler });
        const client = fakeKinesis({ shards: { 0: records } });
        const ends: string[] = [];
        kinesisStream(fastReading(client, { store, stop: timer(30) }))
          .pipe(
            mergeShards((shard) => shard.pipe(bufferTime(5), withSequenceRanges())),
            concatMap(work),
            checkpointEvery(10),
          )
          .subscribe({ complete: () => ends.push('complete') });
        flush();
        const verbs = store.log.map((line) => line.split(' ')[1]);
        expect(verbs, store.log.join()).to.not.include('refuse');
        expect(verbs.at(-1), store.log.join()).to.equal('release');
        expect(verbs, store.log.join()).to.include('write');
        expect(ends).to.deep.equal(['complete']);
      }),
    );
  }
});

describe('kinesisStream, whose pipeline fails while it stops, with the work behind mergeShards', () => {
  it(
    'keeps the lease until the blocks that have left the pipeline are done and written, and waits for no other; then errors',
    marbles(({ scheduler, flush }) => {
      const store = fakeLeases({ scheduler });
      const client = fakeKinesis({ shards: { 0: '(ab)' } });
      const ends: string[] = [];
      kinesisStream(fastReading(client, { store, stop: timer(30) }))
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              bufferCount(1),
              withSequenceRanges(),
              // a passes, b is in work when the failure comes.
              concatMap((block) => (textsOf(block.records) === 'a' ? of(block) : timer(40).pipe(map(() => fail())))),
            ),
          ),
          concatMap((block) => of(block).pipe(delay(100))),
          checkpointEvery(10),
        )
        .subscribe({ error: (error: unknown) => ends.push(`${scheduler.now()} ${(error as Error).message}`) });
      flush();
      const verbs = store.log.map((line) => line.split(' ')[1]);
      expect(verbs, store.log.join()).to.not.include('refuse');
      expect(verbs.slice(-2), store.log.join()).to.deep.equal(['write', 'release']);
      expect(ends).to.have.length(1);
      expect(ends[0]).to.match(/^1\d\d failed$/);
    }),
  );
});

describe('kinesisStream, with the work behind mergeShards and a filter in the pipeline of the shard', () => {
  it(
    'ends a shard whose last records were all dropped after a restart (regression: SHARD_END was never written)',
    marbles(({ scheduler, flush }) => {
      // The restart reads d alone, which the filter drops: the new withSequenceRanges sees no block.
      const failing = { method: 'getRecords', error: 'InternalFailureException', fromMs: 20, times: 1 } as const;
      const client = fakeKinesis({ shards: { 0: '(abc) 30ms d|', 1: { parents: [0], records: ' 60ms e' } }, faults: [failing] });
      const store = recordingStore();
      const seen: string[] = [];
      kinesisStream(fastReading(client, { store, retry: { maxRetries: 0 }, stop: timer(200) }))
        .pipe(
          mergeShards(
            (shard) =>
              shard.pipe(
                filter((record) => textOf(record) !== 'd'),
                bufferTime(5),
                withSequenceRanges(),
              ),
            { restart: { initialDelayMs: 2 } },
          ),
          concatMap((block) => of(block).pipe(delay(1))),
          tap(({ records }) => seen.push(`${scheduler.now()} ${textsOf(records)}`)),
          checkpointEvery(10),
        )
        .subscribe();
      flush();
      expect(seen.map((line) => line.split(' ')[1])).to.deep.equal(['abc', 'e']);
      expect(store.kept.map((line) => line.split(' ')[1])).to.deep.equal(['3', 'SHARD_END', '5']);
    }),
  );
});

describe('kinesisStream, read to the end of a shard whose blocks are stored and not released', () => {
  for (const isReleased of [false, true]) {
    it(
      isReleased
        ? 'tells of nothing when they are released in time'
        : 'tells of the oldest after 10 s: until it is released the children do not start',
      marbles(({ scheduler, flush }) => {
        const client = fakeKinesis({ shards: { 0: '(abc|)', 1: { parents: [0], records: 'd' } } });
        const blocks = memoryBlocks();
        const seen: string[] = [];
        const next = (event: KinesisEvent): void => {
          if (event.type === 'watermarkHeld') seen.push(`${event.ranges[0]?.fromSeqNumber} for ${event.heldMs} at ${scheduler.now()}`);
          if (event.type === 'shardStarted') seen.push(event.shardId.slice(-1));
        };
        const subscription = kinesisStream(fastReading(client, { store: recordingStore(), events: { next } }))
          .pipe(
            mergeShards((shard) =>
              shard.pipe(
                bufferCount(2),
                withSequenceRanges(),
                storeBlocks(blocks, { shard }),
                loadBlocks(blocks, { shard }),
                checkpointEvery(10),
              ),
            ),
            isReleased ? delay(9_000) : identity,
            isReleased ? releaseBlocks(blocks) : identity,
          )
          .subscribe();
        timer(60_000).subscribe(() => subscription.unsubscribe());
        flush();
        expect(seen).to.deep.equal(isReleased ? ['0', '1'] : ['0', '1 for 10000 at 10004']);
      }),
    );
  }
});
