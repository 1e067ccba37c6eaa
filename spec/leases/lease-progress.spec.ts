import { expect } from 'chai';
import { bufferCount, concatMap, delay, map, mergeMap, of, tap, timer, type Observable } from 'rxjs';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { loadBlocks } from '../../lib/operators/loadBlocks.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { Shard } from '../../lib/shards/shard.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeLeases, type FakeLeases } from '../../lib/testing/leases/fakeLeases.js';
import { marbles, type MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { inLetters, instantKinesis, quickReading } from '../support/quick-shard.js';

const FAILOVER_MS = 100;

/** Workers that come one after another to one table and one stream, and a process that dies without a word. */
function placeOf({ scheduler }: MarbleHelpers, script: string) {
  const table = fakeLeases({ scheduler, latencyMs: 0 });
  const log: string[] = [];
  const begin = (workerId: string, pipeline: (shard: Shard) => Observable<unknown>) => {
    const store = table.worker(workerId, { failoverTimeMs: FAILOVER_MS });
    const stream$ = kinesisStream({ client: instantKinesis({ shards: { 0: script } }), ...quickReading(), store, scheduler });
    const subscription = stream$.pipe(mergeShards(pipeline)).subscribe();
    return { crash: () => (table.cut(workerId, 'requests'), subscription.unsubscribe()) };
  };
  const at = (ms: number, step: () => void) => timer(ms, scheduler).subscribe(step);
  const note = (block: Block): void => void log.push(inLetters(block));
  return { table, log, begin, at, note };
}

const rowOf = (table: FakeLeases) => table.row(0)!;

describe('the progress that a lease table keeps beside the checkpoint', () => {
  const sparks = (blocks: ReturnType<typeof memoryBlocks>, workMs: number, note: (block: Block) => void) => (shard: Shard) =>
    shard.pipe(
      bufferCount(2),
      withSequenceRanges(),
      storeBlocks(blocks, { shard }),
      checkpointEvery(1),
      loadBlocks(blocks, { shard }),
      concatMap((one) => of(one).pipe(delay(workMs), tap(note))),
      releaseBlocks(blocks),
    );

  it(
    'brings the next owner the blocks that are stored and not released, before what follows the checkpoint',
    marbles((helpers) => {
      const { log, begin, at, note, table } = placeOf(helpers, 'abcdef^');
      const blocks = memoryBlocks();
      const first = begin('w1', sparks(blocks, 10, note));
      at(30, () => {
        expect(rowOf(table).checkpoint.sequenceNumber).to.equal('6');
        first.crash();
        log.push('|');
      });
      let second: ReturnType<typeof begin>;
      at(40, () => (second = begin('w2', sparks(blocks, 1, note))));
      at(300, () => second.crash());
      helpers.flush();
      expect(log).to.deep.equal(['ab', 'cd', '|', 'ef']);
      expect(rowOf(table).progress).to.equal(undefined);
    }),
  );

  it(
    'brings them, recovered, also when the blocks are gone with the node, and a KCL worker has moved the checkpoint since',
    marbles((helpers) => {
      const { log, begin, at, note, table } = placeOf(helpers, 'abcdefgh^');
      const first = begin('w1', sparks(memoryBlocks(), 10, note));
      at(7, () => {
        expect(log).to.deep.equal([]);
        first.crash();
        // It reads on from the checkpoint: what was stored and not worked on it cannot know.
        const checkpoint = { sequenceNumber: '8', subSequenceNumber: 0 };
        table.put(0, { checkpoint, leaseOwner: undefined as never, leaseCounter: rowOf(table).leaseCounter + 5 });
      });
      let second: ReturnType<typeof begin>;
      at(40, () => (second = begin('w2', sparks(memoryBlocks(), 1, note))));
      at(300, () => second.crash());
      helpers.flush();
      expect(log).to.deep.equal(["ab'", "cd'", "ef'", "gh'"]);
    }),
  );

  it(
    'is written anew with a row that somebody deletes',
    marbles((helpers) => {
      const { begin, at, table } = placeOf(helpers, 'abcd^');
      const worker = begin(
        'w1',
        sparks(memoryBlocks(), 1_000, () => undefined),
      );
      let before: string | undefined;
      at(20, () => {
        before = rowOf(table).progress;
        table.delete(0);
      });
      at(200, () => {
        expect(before).to.be.a('string');
        expect(rowOf(table)).to.include({ progress: before, leaseOwner: 'w1' });
        worker.crash();
      });
      helpers.flush();
    }),
  );

  it(
    'spares the next owner the records that were settled beyond the checkpoint, while the oldest block hangs',
    marbles((helpers) => {
      const { log, begin, at, table } = placeOf(helpers, 'abcde^');
      const workMs: Readonly<Record<string, number>> = { b: 10_000, d: 20 };
      const working = (hangs: boolean) => (shard: Shard) =>
        shard.pipe(
          map((record) => [record]),
          withSequenceRanges(),
          mergeMap((one) => of(one).pipe(delay(hangs ? (workMs[inLetters(one)] ?? 1) : 1))),
          tap((one) => void log.push(inLetters(one))),
          checkpointEvery(1),
        );
      const first = begin('w1', working(true));
      at(30, () => {
        first.crash();
        log.push('|');
      });
      let second: ReturnType<typeof begin>;
      at(40, () => (second = begin('w2', working(false))));
      at(300, () => {
        expect(rowOf(table).checkpoint.sequenceNumber).to.equal('2');
        second.crash();
      });
      helpers.flush();
      expect(log).to.deep.equal(['a', 'c', 'e', 'd', '|', 'b']);
    }),
  );
});
