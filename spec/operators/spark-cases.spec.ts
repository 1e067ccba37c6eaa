import { expect } from 'chai';
import { bufferCount, concatMap, defer, from, map, merge, mergeMap, Subject, tap, throwError, timer, toArray, type Observable } from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { BlockStoreError } from '../../lib/blocks/errors.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import type { StoredBlock } from '../../lib/blocks/stored-block.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { isRecoveryTimeout, isShardReadError } from '../../lib/kinesis/errors.js';
import type { RetryConfig } from '../../lib/kinesis/retry.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { loadBlocks } from '../../lib/operators/loadBlocks.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { kinesisRanges } from '../../lib/sources/kinesisRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import type { FakeFault } from '../../lib/testing/kinesis/fake-faults.js';
import { marbles } from '../../lib/testing/index.js';
import { inLetters, instantKinesis, quickReading, quickShard } from '../support/quick-shard.js';
import { range, unbounded } from '../support/range-reading.js';

const FIRST = { streamName: 'stream', shardId: 'shardId-000000000000', parentShardIds: [] };

/*
 * The cases of Spark's own suites (KinesisBackedBlockRDDSuite, KinesisReceiverSuite, KinesisCheckpointerSuite, KinesisStreamSuite), in the words of this package:
 * a list to tick off. What each part does beside them is in its own spec.
 */
describe('Spark’s own cases', () => {
  describe('a block is recovered', () => {
    const IDS = ['1-2', '3-4', '5-6'].map((ends) => `stream/shardId-000000000000/${ends}/2`);
    const COMES = ['ab', 'cd', 'ef'];

    /** Three blocks, some of which the store has lost, loaded by their handles. */
    function load(lost: readonly string[], handleOf: (handle: StoredBlock) => StoredBlock) {
      const seen: string[] = [];
      const asked: string[] = [];
      let iterators = 0;
      marbles(() => {
        const client = instantKinesis({ shards: { 0: 'abcdef^' } });
        const shard = quickShard(client);
        const inner = memoryBlocks();
        const blocks: BlockStore = { ...inner, get: (id) => (asked.push(id), inner.get(id)) };
        const gate = new Subject<void>();
        const subscription = shard
          .pipe(
            bufferCount(2),
            withSequenceRanges(),
            storeBlocks(blocks, { shard }),
            mergeMap((handle) => gate.pipe(map(() => handleOf(handle)))),
            loadBlocks(blocks, { shard }),
          )
          .subscribe((one) => seen.push(inLetters(one)));
        timer(5).subscribe(() => {
          merge(...lost.map((id) => from(inner.delete(id)))).subscribe();
          iterators = client.callsOf('getShardIterator').length;
          gate.next();
        });
        timer(50).subscribe(() => {
          iterators = client.callsOf('getShardIterator').length - iterators;
          subscription.unsubscribe();
        });
      })();
      return { seen, asked, iterators };
    }

    for (const [which, lost, expected, iterators] of [
      ['no block', [], COMES, 0],
      ['some blocks', [IDS[1]!], ['ab', "cd'", 'ef'], 1],
      ['all blocks', IDS, ["ab'", "cd'", "ef'"], 1],
    ] as const) {
      it(`when ${which} of a batch ${which === 'no block' ? 'is' : 'are'} lost, with valid ids: only what is lost comes from Kinesis`, () => {
        const { seen, asked, iterators: opened } = load(lost, (handle) => handle);
        expect(seen).to.deep.equal(expected);
        expect(asked).to.deep.equal(IDS);
        expect(opened).to.equal(iterators);
      });

      it(`when ${which} of a batch ${which === 'no block' ? 'is' : 'are'} lost, without valid ids: all come from Kinesis, by their ranges`, () => {
        const { seen, iterators: opened } = load(lost, (handle) => ({ ...handle, id: `of-another-run/${handle.id}` }));
        expect(seen).to.deep.equal(["ab'", "cd'", "ef'"]);
        expect(opened).to.equal(1);
      });
    }

    it('without a store at all, by its ranges', () => {
      let letters = '';
      marbles(() => {
        const client = instantKinesis({ shards: { 0: 'abcdef^' } });
        kinesisRanges([range(3, 4), range(5, 6)], { client, budget: unbounded() }).subscribe((record) => (letters += inLetters(record)));
      })();
      expect(letters).to.equal('cdef');
    });
  });

  describe('a read of a recovery', () => {
    /** Reads a range while calls fail: what came, the error, the GetRecords calls, and when it was over. */
    function recover(faults: readonly FakeFault[], retry: RetryConfig, retryTimeoutMs = 10_000) {
      let outcome: { letters: string; error?: unknown; calls: number; atMs: number } | undefined;
      marbles(({ scheduler, flush }) => {
        const client = instantKinesis({ shards: { 0: 'abcdef^' }, faults });
        const config = { client, retry, retryTimeoutMs, budget: unbounded(), random: () => 0.5 };
        let letters = '';
        const over = (error?: unknown): void => {
          outcome = { letters, error, calls: client.callsOf('getRecords').length, atMs: scheduler.now() };
        };
        kinesisRanges([range(1, 3)], config).subscribe({ next: (one) => (letters += inLetters(one)), error: over, complete: () => over() });
        flush();
      })();
      return outcome!;
    }
    const throttled = (times: number): FakeFault => ({ method: 'getRecords', error: 'ProvisionedThroughputExceededException', times });
    // Spark's own numbers: three attempts, and 100 ms doubled between them; the jitter halves them here.
    const spark: RetryConfig = { maxRetries: 2, initialDelayMs: 100 };

    it('succeeds at the first attempt, without a wait', () => {
      expect(recover([], spark)).to.deep.equal({ letters: 'abc', error: undefined, calls: 1, atMs: 0 });
    });

    it('succeeds at the last attempt, after the waits that are configured', () => {
      expect(recover([throttled(2)], spark)).to.deep.equal({ letters: 'abc', error: undefined, calls: 3, atMs: 50 + 100 });
    });

    it('gives up after as many attempts as are configured, with the throttling as its cause', () => {
      const { letters, error, calls } = recover([throttled(3)], spark);
      expect([letters, calls]).to.deep.equal(['', 3]);
      expect(isShardReadError(error) && error.retriable).to.equal(true);
      expect(error).to.have.nested.property('cause.name', 'ProvisionedThroughputExceededException');
    });

    for (const retryTimeoutMs of [1_000, 10_000]) {
      it(`gives up after the time that is configured, ${retryTimeoutMs} ms, and names what is missing`, () => {
        const { error, atMs } = recover([throttled(Infinity)], { maxRetries: 1_000 }, retryTimeoutMs);
        expect(atMs).to.equal(retryTimeoutMs);
        expect(isRecoveryTimeout(error) && [error.retriable, error.timeoutMs, error.missing]).to.deep.equal([
          true,
          retryTimeoutMs,
          [range(1, 3)],
        ]);
      });
    }

    it('does not retry what no retry mends', () => {
      const { error, calls } = recover([{ method: 'getRecords', error: 'AccessDeniedException' }], spark);
      expect(calls).to.equal(1);
      expect(isShardReadError(error) && error.retriable).to.equal(false);
    });
  });

  describe('a store that fails', () => {
    for (const [when, retriable, puts] of [
      ['for good', false, 2],
      ['four times, as often as Spark tries', true, 5],
    ] as const) {
      it(`${when}: no checkpoint passes its block, nothing more is stored, and the shard fails`, () => {
        const checkpoints = memoryCheckpoints();
        let [asked, position] = [0, ''];
        let failure: unknown;
        marbles(() => {
          const inner = memoryBlocks();
          const put: BlockStore['put'] = (one) =>
            ++asked === 1 ? inner.put(one) : throwError(() => new BlockStoreError('no', { fault: 'failed', retriable }));
          const shard = quickShard(instantKinesis({ shards: { 0: 'abcdef^' } }), { store: checkpoints });
          shard
            .pipe(
              bufferCount(2),
              withSequenceRanges(),
              storeBlocks({ ...inner, put }, { shard, maxRetries: 3, retryDelayMs: 1 }),
              checkpointEvery(1),
            )
            .subscribe({ error: (error: unknown) => (failure = error) });
          timer(50).subscribe(() => {
            from(checkpoints.read(FIRST)).subscribe((checkpoint) => (position = checkpoint!.sequenceNumber));
          });
        })();
        expect(failure).to.include({ code: 'BLOCK_STORE', retriable });
        expect([asked, position]).to.deep.equal([puts, '2']);
      });
    }
  });

  describe('stop from inside a callback', () => {
    /** Where `stop` fires; in Spark, a receiver that stops itself on its own pushing thread waits for itself for ever. */
    type Place = 'delete' | 'event' | 'get' | 'put' | 'work';
    for (const place of ['put', 'get', 'work', 'delete', 'event'] as const satisfies readonly Place[]) {
      it(`${place}: the stream completes, what was in hand is done, and the last checkpoint is written`, () => {
        const checkpoints = memoryCheckpoints();
        const worked: string[] = [];
        let [completed, position, left] = [false, '', NaN];
        marbles(() => {
          const stop = new Subject<void>();
          let fired = false;
          const fireIn = (here: Place): void => {
            if (here !== place || fired) return;
            fired = true;
            stop.next();
          };
          const inner = memoryBlocks();
          const firing = <T>(here: Place, call: () => T) => defer(() => (fireIn(here), from(call() as Observable<never>)));
          const blocks: BlockStore = {
            ...inner,
            put: (one) => firing('put', () => inner.put(one)),
            get: (id) => firing('get', () => inner.get(id)),
            delete: (id) => firing('delete', () => inner.delete(id)),
          };
          const events = { next: ({ type }: KinesisEvent) => void (type === 'blockStored' && fireIn('event')) };
          kinesisStream({ client: instantKinesis({ shards: { 0: 'abcdef^' } }), ...quickReading(), store: checkpoints, stop, events })
            .pipe(
              mergeShards((shard) =>
                shard.pipe(
                  bufferCount(2),
                  withSequenceRanges(),
                  storeBlocks(blocks, { shard }),
                  checkpointEvery(1),
                  loadBlocks(blocks, { shard }),
                  tap((one) => {
                    fireIn('work');
                    worked.push(inLetters(one));
                  }),
                  concatMap((one) => timer(3).pipe(map(() => one))),
                  releaseBlocks(blocks),
                ),
              ),
            )
            .subscribe({ complete: () => (completed = true) });
          timer(20_000).subscribe(() => {
            from(inner.list())
              .pipe(toArray())
              .subscribe((ids) => (left = ids.length));
            from(checkpoints.read(FIRST)).subscribe((checkpoint) => (position = checkpoint!.sequenceNumber));
          });
        })();
        expect({ completed, left }).to.deep.equal({ completed: true, left: 0 });
        expect(worked).to.deep.equal(['ab', 'cd', 'ef']);
        expect(position).to.equal('6');
      });
    }
  });
});
