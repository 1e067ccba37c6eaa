import { expect } from 'chai';
import {
  bufferCount,
  bufferTime,
  concat,
  defer,
  delay,
  EMPTY,
  finalize,
  map,
  NEVER,
  Observable,
  of,
  Subject,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { isCheckpointError } from '../../lib/checkpoints/errors.js';
import type { KinesisPort, PortRecord } from '../../lib/kinesis/port.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { eachBlock } from '../../lib/operators/eachBlock.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { block } from '../../lib/testing/block.js';
import { fakeKinesis, type FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import type { Block } from '../../lib/values/block.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { fastReading, manyLetters, textsOf } from '../support/fast-reading.js';
import { checkpointOf } from '../support/kept-checkpoints.js';
import { rejectionOf, turn } from '../support/promises.js';
import { until } from '../support/until.js';

/** Blocks of one record of the shards of a fake stream, in real time. */
function blocksOf(kinesis: FakeKinesis, config: Partial<KinesisStreamConfig> = {}): Observable<Block> {
  return kinesisStream(fastReading(kinesis, config)).pipe(mergeShards((shard) => shard.pipe(bufferCount(1), withSequenceRanges())));
}

describe('eachBlock', () => {
  it('subscribes when the loop asks for the first block, and not before', async () => {
    let subscriptions = 0;
    const blocks = eachBlock(
      defer(() => {
        subscriptions++;
        return of(block(1));
      }),
      { store: memoryCheckpoints() },
    );
    const iterator = blocks[Symbol.asyncIterator]();
    expect(subscriptions).to.equal(0);
    await iterator.next();
    expect(subscriptions).to.equal(1);
  });

  it('settles a block when the loop asks for the next', async () => {
    const kinesis = fakeKinesis({ shards: { 0: 'abc^' } });
    const store = memoryCheckpoints();
    const seen: string[] = [];
    for await (const { records } of eachBlock(blocksOf(kinesis, { store }), { intervalMs: 1 })) {
      seen.push(textsOf(records));
      const settledBefore = seen.length === 1 ? undefined : String(seen.length - 1);
      await until('the block before is checkpointed', () => checkpointOf(store) === settledBefore);
      await turn();
      expect(checkpointOf(store)).to.equal(settledBefore);
      if (seen.length === 3) break;
    }
    expect(seen.join('')).to.equal('abc');
    expect(checkpointOf(store)).to.equal('2');
  });

  it('hands out one block at a time, and pauses the reader while the loop holds one', async () => {
    const kinesis = fakeKinesis({ shards: { 0: `${manyLetters(100)}^` }, maxRecordsPerPage: 5 });
    const limit = 10;
    let read = 0;
    const events = { next: (event: KinesisEvent) => void (event.type === 'pageRead' && (read += event.records)) };
    let seen = 0;
    for await (const { records } of eachBlock(blocksOf(kinesis, { maxInFlightRecords: limit, events }))) {
      seen += records.length;
      const settled = seen - records.length;
      // Half of the limit is worth a read: less may still be waited for.
      await until('the reader has read what it has credit for', () => read > settled + limit / 2);
      await turn();
      // However the reads are cut: never more than the limit beyond what is settled.
      expect(read).to.be.at.most(settled + limit);
      if (seen === 60) break;
    }
    expect(seen).to.equal(60);
  });

  describe('with a source that does not emit any more', () => {
    /** One record, then no answer any more. */
    const silent = () =>
      fakeKinesis({
        shards: { 0: 'a^' },
        faults: [
          { method: 'getRecords', latencyMs: 1, times: 1 },
          { method: 'getRecords', answer: 'never', times: 1_000 },
        ],
      });

    for (const [name, leave] of Object.entries({
      break: async (blocks: AsyncIterable<Block>) => {
        for await (const one of blocks) {
          void one;
          break;
        }
      },
      return: (blocks: AsyncIterable<Block>) =>
        (async () => {
          for await (const one of blocks) return one.id;
          return undefined;
        })(),
      throw: async (blocks: AsyncIterable<Block>) => {
        const failure = new Error('in the loop');
        const error = await rejectionOf(async () => {
          for await (const one of blocks) {
            void one;
            throw failure;
          }
        });
        expect(error).to.equal(failure);
      },
    })) {
      it(`closes at once on ${name}: the poll is aborted, the block in hand is not settled`, async () => {
        const kinesis = silent();
        const store = memoryCheckpoints();
        await leave(eachBlock(blocksOf(kinesis, { store }), { intervalMs: 5 }));

        expect(kinesis.inFlight).to.equal(0);
        const calls = kinesis.calls.length;
        await turn();
        expect(kinesis.calls).to.have.length(calls);
        expect(checkpointOf(store)).to.equal(undefined);
      });
    }

    it('closes at once on return while it waits for a block', async () => {
      const kinesis = silent();
      const iterator = eachBlock(blocksOf(kinesis))[Symbol.asyncIterator]();
      await iterator.next();
      const pending = iterator.next();
      await until('a read hangs', () => kinesis.callsOf('getRecords').length === 2);
      expect(await iterator.return!()).to.deep.equal({ value: undefined, done: true });
      expect(await pending).to.deep.equal({ value: undefined, done: true });
      expect(kinesis.calls.at(-1)).to.include({ method: 'getRecords', aborted: true });
    });

    it('closes at once on return before the first block is asked for', async () => {
      const iterator = eachBlock(NEVER as Observable<Block>)[Symbol.asyncIterator]();
      expect(await iterator.return!()).to.deep.equal({ value: undefined, done: true });
      expect(await iterator.next()).to.deep.equal({ value: undefined, done: true });
    });

    it('closes at once on an abort while it waits: with the reason of the signal', async () => {
      const kinesis = silent();
      const store = memoryCheckpoints();
      const controller = new AbortController();
      const reason = new Error('shutting down');
      let seen = 0;
      const error = await rejectionOf(async () => {
        for await (const one of eachBlock(blocksOf(kinesis, { store }), { signal: controller.signal })) {
          seen += one.records.length;
          void until('a read hangs', () => kinesis.callsOf('getRecords').length === 2).then(() => controller.abort(reason));
        }
      });
      expect(error).to.equal(reason);
      expect(seen).to.equal(1);
      expect(kinesis.calls.at(-1)).to.include({ method: 'getRecords', aborted: true });
      // The loop had asked for the next: the first block was settled, and its write started.
      expect(checkpointOf(store)).to.equal('1');
    });

    it('closes at once on an abort in the loop: the block in hand is not settled', async () => {
      const kinesis = silent();
      const store = memoryCheckpoints();
      const controller = new AbortController();
      const error = await rejectionOf(async () => {
        for await (const one of eachBlock(blocksOf(kinesis, { store }), { signal: controller.signal })) {
          void one;
          controller.abort();
          expect(kinesis.inFlight).to.equal(0);
        }
      });
      expect((error as Error).name).to.equal('AbortError');
      expect(checkpointOf(store)).to.equal(undefined);
    });

    it('closes at once on a signal that is aborted already: without subscribing', async () => {
      let subscriptions = 0;
      const blocks$ = defer(() => {
        subscriptions++;
        return of(block(1));
      });
      const error = await rejectionOf(async () => {
        for await (const one of eachBlock(blocks$, { signal: AbortSignal.abort('enough'), store: memoryCheckpoints() }))
          expect.fail(one.id);
      });
      expect(error).to.equal('enough');
      expect(subscriptions).to.equal(0);
    });

    it('listens to the signal no longer when it is closed', async () => {
      const listeners = new Set<unknown>();
      const signal = Object.assign(new AbortController().signal, {
        addEventListener: (_type: string, listener: unknown) => void listeners.add(listener),
        removeEventListener: (_type: string, listener: unknown) => void listeners.delete(listener),
      });
      for await (const one of eachBlock(concat(of(block(1)), NEVER), { signal, store: memoryCheckpoints() })) {
        void one;
        expect(listeners.size).to.equal(1);
        break;
      }
      expect(listeners.size).to.equal(0);
    });

    it('starts a last write of what was settled when it is closed', async () => {
      const writes: string[] = [];
      const inner = memoryCheckpoints();
      const store: CheckpointStore = {
        read: (shard) => inner.read(shard),
        write: (checkpoint, shard) => {
          writes.push(checkpoint.sequenceNumber);
          return timer(5).pipe(map(() => inner.write(checkpoint, shard)));
        },
      };
      let seen = 0;
      for await (const one of eachBlock(concat(of(block(1), block(2)), NEVER), { store, intervalMs: Infinity })) {
        void one;
        if (++seen === 2) break;
      }
      expect(writes).to.deep.equal(['1']);
    });
  });

  it('waits for the last write before the loop ends', async () => {
    let isWritten = false;
    const store: CheckpointStore = {
      read: () => of(undefined),
      write: () => timer(10).pipe(tap(() => (isWritten = true))),
    };
    for await (const one of eachBlock(of(block(1)), { store })) void one;
    expect(isWritten).to.be.true;
  });

  it('passes an error of the source on, after the last write; a block that waits is not handed out', async () => {
    const failure = new Error('source');
    const written: string[] = [];
    const store: CheckpointStore = {
      read: () => of(undefined),
      write: ({ sequenceNumber }) => timer(5).pipe(tap(() => written.push(sequenceNumber))),
    };
    const fails$ = new Subject<void>();
    const blocks$ = new Observable<Block>((subscriber) => {
      for (const one of [block(1), block(2), block(3)]) subscriber.next(one);
      return fails$.subscribe({ next: () => subscriber.error(failure) });
    });
    let seen = 0;
    const error = await rejectionOf(async () => {
      for await (const one of eachBlock(blocks$, { store })) {
        void one;
        if (++seen === 2) fails$.next();
      }
    });
    expect(error).to.equal(failure);
    expect(seen).to.equal(2);
    expect(written).to.deep.equal(['1']);
  });

  it('errors with a CheckpointError when the last write fails', async () => {
    const store: CheckpointStore = { read: () => of(undefined), write: () => throwError(() => new Error('down')) };
    const error = await rejectionOf(async () => {
      for await (const one of eachBlock(of(block(1)), { store, maxRetries: 0 })) void one;
    });
    expect(error).to.satisfy(isCheckpointError);
  });

  it('is closed once, and tears its source down once', async () => {
    let teardowns = 0;
    const iterator = eachBlock(concat(of(block(1)), NEVER).pipe(finalize(() => teardowns++)), { store: memoryCheckpoints() })[
      Symbol.asyncIterator
    ]();
    await iterator.next();
    await iterator.return!();
    await iterator.return!();
    expect(teardowns).to.equal(1);
    expect(await iterator.next()).to.deep.equal({ value: undefined, done: true });
  });

  it('goes through 50 000 blocks (regression: a queue drained by recursion died silently)', async () => {
    const count = 50_000;
    const Data = new Uint8Array(1);
    const Records: PortRecord[] = Array.from({ length: count }, (_, i) => ({ SequenceNumber: String(i + 1), PartitionKey: 'key', Data }));
    const answer = <T>(response: T): Observable<T> => of(response).pipe(delay(0));
    const key = { StartingHashKey: '0', EndingHashKey: '1' };
    const shard = {
      ShardId: toShardId(0),
      HashKeyRange: key,
      SequenceNumberRange: { StartingSequenceNumber: '0', EndingSequenceNumber: '1' },
    };
    const port: KinesisPort = {
      listShards: () => answer({ Shards: [shard] }),
      getShardIterator: () => answer('iterator'),
      getRecords: () => answer({ Records, MillisBehindLatest: 0 }),
    };
    const store = memoryCheckpoints();
    const stop = new Subject<void>();
    const blocks$ = kinesisStream({ client: port, streamName: 'stream', startFrom: 'TRIM_HORIZON', store, stop }).pipe(
      mergeShards((one) => one.pipe(bufferCount(1), withSequenceRanges())),
    );
    let seen = 0;
    for await (const one of eachBlock(blocks$)) {
      seen += one.records.length;
      if (seen === count) stop.next();
    }
    expect(seen).to.equal(count);
    await until('the end is written', () => checkpointOf(store) === 'SHARD_END');
  }).timeout(60_000);

  it('drains on stop: the loop gets every block that was read, and ends when the checkpoint is written', async () => {
    const kinesis = fakeKinesis({ shards: { 0: `${manyLetters(20)}^` }, maxRecordsPerPage: 20 });
    const store = memoryCheckpoints();
    const stop = new Subject<void>();
    const blocks$ = kinesisStream(fastReading(kinesis, { store, stop })).pipe(
      mergeShards((shard) => shard.pipe(bufferTime(5, null, 4), withSequenceRanges())),
    );
    let seen = '';
    for await (const { records } of eachBlock(blocks$, { intervalMs: Infinity })) {
      if (seen === '') stop.next();
      seen += textsOf(records);
      await turn();
    }
    expect(seen).to.equal(manyLetters(20));
    expect(checkpointOf(store)).to.equal('20');
  });

  describe('with a config that cannot work', () => {
    const bad: Record<string, [object, RegExp]> = {
      'an interval of 0': [{ intervalMs: 0 }, /intervalMs.*got 0/],
      'a negative interval': [{ intervalMs: -1 }, /intervalMs.*got -1/],
      'negative retries': [{ maxRetries: -1 }, /maxRetries.*got -1/],
      'a controller for a signal': [{ signal: new AbortController() }, /signal: expected an AbortSignal/],
    };
    it('refuses when called: an array for the Observable', () => {
      expect(() => eachBlock([1] as never))
        .to.throw('eachBlock: expected an Observable of blocks')
        .that.satisfies(isInvalidConfig);
    });
    for (const [name, [config, message]] of Object.entries(bad)) {
      it(`refuses when called: ${name}`, () => {
        expect(() => eachBlock(EMPTY, config))
          .to.throw(message)
          .that.satisfies(isInvalidConfig);
      });
    }
  });
});
