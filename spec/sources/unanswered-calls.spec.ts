import { expect } from 'chai';
import { bufferCount, bufferTime, concatMap, map, NEVER, of, tap, timer, type Observable } from 'rxjs';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { loadBlocks } from '../../lib/operators/loadBlocks.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { isStopTimeout, type StopTimeoutError } from '../../lib/shards/errors.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { block, fakeKinesis, marbles, record, type FakeKinesis } from '../../lib/testing/index.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import { fastReading, textsOf } from '../support/fast-reading.js';
import { recordingStore } from '../support/recording-store.js';
import { timelineOf } from '../support/timeline.js';

const work = (shard: Shard): Observable<string> =>
  shard.pipe(
    bufferTime(5),
    withSequenceRanges(),
    checkpointEvery(10),
    map(({ records }) => textsOf(records)),
  );

/** The calls of a store, of which the first ones of a kind are never answered. */
function deafStore(deaf: Partial<Record<'read' | 'write', number>>): CheckpointStore {
  const inner = memoryCheckpoints();
  const left = { read: 0, write: 0, ...deaf };
  return {
    read: (shard) => (left.read-- > 0 ? NEVER : inner.read(shard)),
    write: (checkpoint, shard) => (left.write-- > 0 ? NEVER : inner.write(checkpoint, shard)),
  };
}

function followed(kinesis: FakeKinesis, config: Partial<KinesisStreamConfig>, pipeline = work, unsubscribeMs?: number) {
  const events: KinesisEvent[] = [];
  const next = (event: KinesisEvent): void => void events.push(event);
  let error: unknown;
  const stream$ = kinesisStream(fastReading(kinesis, { events: { next }, ...config })).pipe(
    mergeShards(pipeline),
    tap({ error: (e: unknown) => (error = e) }),
  );
  const timeline = timelineOf(stream$, unsubscribeMs);
  return { timeline, events, types: () => events.map(({ type }) => type), error: () => error };
}

describe('a call that is never answered', () => {
  for (const method of ['listShards', 'getShardIterator', 'getRecords'] as const) {
    it(
      `is made again after requestTimeoutMs, and told of (${method})`,
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^' }, faults: [{ method, answer: 'never', times: 1 }] });
        const { timeline, types } = followed(kinesis, {}, work, 60_000);
        flush();
        const [ms, text] = timeline[0]!.split(' ');
        expect(text).to.equal('ab');
        expect(Number(ms)).to.be.within(30_000, 30_200);
        expect(types()).to.include(method === 'listShards' ? 'discoveryFailed' : 'readRetry');
        expect(kinesis.callsOf(method)[0]).to.include({ aborted: true });
      }),
    );
  }

  for (const call of ['read', 'write'] as const) {
    it(
      `is made again after requestTimeoutMs, and told of (${call} of the store)`,
      marbles(({ flush }) => {
        const kinesis = fakeKinesis({ shards: { 0: 'ab^' } });
        const store = deafStore({ [call]: 2 });
        const { timeline, events } = followed(kinesis, { store, requestTimeoutMs: 1_000 }, work, 20_000);
        flush();
        expect(timeline.map((line) => line.split(' ')[1])).to.deep.equal(['ab']);
        const told = events.filter(({ type }) => type === (call === 'read' ? 'storeRetry' : 'checkpointFailed'));
        expect(told).to.have.length(2);
        expect(String((told[0] as { readonly error?: unknown }).error)).to.include('no answer within 1000 ms');
        expect(events.filter(({ type }) => type === 'checkpointWritten')).to.have.length(1);
      }),
    );
  }

  it(
    'is waited for however long with the limit Infinity',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^' }, faults: [{ method: 'getRecords', answer: 'never' }] });
      const { types } = followed(kinesis, { requestTimeoutMs: Infinity }, work, 600_000);
      flush();
      expect(types()).not.to.include('readRetry');
    }),
  );
});

describe('stop', () => {
  it(
    'tells what is in flight when it fires, and how long it took when all is done',
    marbles(({ flush }) => {
      const { timeline, events } = followed(
        fakeKinesis({ shards: { 0: 'abc^', 1: 'd^' } }),
        { store: memoryCheckpoints(), stop: timer(6) },
        (shard) =>
          shard.pipe(
            bufferTime(5),
            withSequenceRanges(),
            concatMap((block) => timer(100).pipe(map(() => block))),
            checkpointEvery(10),
            map(() => 'done'),
          ),
      );
      flush();
      expect(timeline.at(-1)).to.match(/complete$/);
      const phases = events.filter(({ type }) => type === 'stopping' || type === 'stopped');
      expect(phases[0]).to.deep.include({ type: 'stopping', streamName: 'stream', shards: 2, records: 4, bytes: 4 });
      expect(phases[1]).to.deep.include({ type: 'stopped', streamName: 'stream' });
      expect((phases[1] as { readonly tookMs: number }).tookMs).to.be.within(95, 120);
    }),
  );

  for (const [what, pipeline, store] of [
    [
      'work',
      (shard: Shard) =>
        shard.pipe(
          bufferTime(5),
          withSequenceRanges(),
          concatMap(() => NEVER as Observable<string>),
        ),
      memoryCheckpoints(),
    ],
    ['a write', work, deafStore({ write: 1_000 })],
  ] as const) {
    it(
      `does not wait for ever while ${what} hangs: it errors after stopTimeoutMs and names what is open`,
      marbles(({ flush }) => {
        const { timeline, error, types } = followed(fakeKinesis({ shards: { 0: 'abc^', 1: '' } }), { store, stop: timer(50) }, pipeline);
        flush();
        expect(timeline.at(-1)).to.match(/^25050 error/);
        expect(error()).to.satisfy(isStopTimeout);
        const { open, message } = error() as StopTimeoutError;
        expect(open.map(({ shardId }) => shardId)).to.deep.equal([toShardId(0)]);
        expect(open[0]).to.include(what === 'work' ? { blocks: 1, records: 3 } : { blocks: 0, isDue: true });
        expect(message).to.include(toShardId(0)).and.include('25000 ms');
        expect(types()).to.include('stopTimedOut').and.not.include('stopped');
      }),
    );
  }

  describe('ends without an error, and tells of it, while a store of blocks never answers', () => {
    const inner = memoryBlocks();
    const old = block(record(90, { streamName: 'stream' }));
    const stores: Readonly<Record<string, readonly [calls: Partial<BlockStore>, told: readonly string[]]>> = {
      // Each block of one record: the deletes of eight have begun.
      'the deletes of released blocks': [{ delete: () => NEVER }, Array.from({ length: 10 }, () => 'delete')],
      'the delete of a block that is left over': [
        { list: () => of(old.id), delete: (id) => (id === old.id ? NEVER : inner.delete(id)) },
        ['delete'],
      ],
      'a list': [{ list: () => NEVER }, ['list']],
    };
    for (const [name, [calls, told]] of Object.entries(stores)) {
      it(
        name,
        marbles(({ flush }) => {
          const blocks: BlockStore = { ...inner, ...calls };
          const checkpoints = recordingStore();
          const pipeline = (shard: Shard): Observable<string> =>
            shard.pipe(
              bufferCount(1),
              withSequenceRanges(),
              storeBlocks(blocks, { shard }),
              checkpointEvery(10),
              loadBlocks(blocks, { shard }),
              releaseBlocks(blocks),
              map(({ id }) => id),
            );
          const config = { store: checkpoints, stop: timer(50) };
          const { timeline, events, error } = followed(fakeKinesis({ shards: { 0: 'abcdefghij^' } }), config, pipeline);
          flush();
          expect(error()).to.equal(undefined);
          expect(timeline.at(-1)).to.match(/^20\d\d\d complete$/);
          expect(checkpoints.kept.at(-1)).to.match(/ 10$/);
          const failures = events.flatMap((event) => (event.type === 'blockStoreFailed' ? [[event.action, String(event.error)]] : []));
          expect(failures.map(([action]) => action)).to.deep.equal(told);
          for (const [, text] of failures) expect(text).to.include('was not done when the stop had to end');
          expect(events.at(-1)).to.include({ type: 'stopped' });
        }),
      );
    }
  });

  for (const [missing, pipeline, open, words] of [
    [
      'checkpointEvery',
      (shard: Shard) => shard.pipe(bufferTime(5), withSequenceRanges()),
      { blocks: 1, records: 3, unreleased: 0 },
      '1 blocks (3 records) unsettled. Is checkpointEvery missing, or did the work never finish?',
    ],
    [
      'releaseBlocks',
      (shard: Shard) => {
        const blocks = memoryBlocks();
        const stored$ = shard.pipe(bufferTime(5), withSequenceRanges(), storeBlocks(blocks, { shard }));
        return stored$.pipe(loadBlocks(blocks, { shard }), checkpointEvery(10));
      },
      { blocks: 0, records: 0, unreleased: 1 },
      '0 blocks (0 records) unsettled, 1 stored and not released. Is releaseBlocks missing, or did the work never finish?',
    ],
  ] as const) {
    it(
      `asks, when work is open after stopTimeoutMs, whether ${missing} is missing`,
      marbles(({ flush }) => {
        const { error } = followed(
          fakeKinesis({ shards: { 0: 'abc|' } }),
          { store: memoryCheckpoints(), stop: timer(50), events: 'silent' },
          pipeline as never,
        );
        flush();
        const { open: left, message } = error() as StopTimeoutError;
        expect(left[0]).to.include(open);
        expect(message).to.include(words);
      }),
    );
  }

  it(
    'passes on the error of a last checkpoint that fails, after the others are drained, and restarts nothing',
    marbles(({ flush }) => {
      const kinesis = fakeKinesis({ shards: { 0: 'a^', 1: 'b^' } });
      const good = recordingStore();
      const store: CheckpointStore = {
        read: (shard) => good.read(shard),
        write: (checkpoint, shard) => {
          if (shard.shardId === toShardId(0)) throw new Error('down');
          return good.write(checkpoint, shard);
        },
      };
      const slow = (shard: Shard): Observable<string> =>
        shard.pipe(
          bufferTime(5),
          withSequenceRanges(),
          concatMap((block) => (block.ranges.ranges[0]!.shardId === toShardId(1) ? timer(5_000).pipe(map(() => block)) : of(block))),
          checkpointEvery(60_000, { maxRetries: 2 }),
          map(() => 'done'),
        );
      const { timeline, error, types } = followed(kinesis, { store, stop: timer(50) }, slow);
      flush();
      expect(timeline.at(-1)).to.match(/ error/);
      expect(error()).to.include({ code: 'CHECKPOINT', shardId: toShardId(0) });
      expect(types()).to.include('shardFailed').and.not.include('shardRestarted');
      // The other shard was drained and its checkpoint written.
      expect(good.kept.map((line) => line.split(' ')[1])).to.deep.equal(['2']);
    }),
  );

  it(
    'is told of in the same way for a kinesisShard, also when its work hangs; where nobody settles nothing is waited for',
    marbles(({ scheduler, flush }) => {
      const types: string[] = [];
      const next = ({ type }: KinesisEvent): void => void types.push(type);
      const config = fastReading(fakeKinesis({ shards: { 0: 'ab^' } }), { events: { next }, stop: timer(50) });
      kinesisShard({ ...config, shardId: toShardId(0) })
        .pipe(
          bufferCount(1),
          withSequenceRanges(),
          concatMap((block) => (block.id.includes('/1-1/') ? of(block) : NEVER)),
          checkpointEvery(10),
        )
        .subscribe();
      flush();
      expect(types.filter((type) => type.startsWith('stop'))).to.deep.equal(['stopping', 'stopTimedOut']);

      const before = scheduler.frame;
      kinesisShard({ ...config, shardId: toShardId(0), stop: timer(50) })
        .pipe(bufferCount(1), withSequenceRanges())
        .subscribe();
      flush();
      expect(scheduler.frame - before).to.be.below(1_000);
    }),
  );
});
