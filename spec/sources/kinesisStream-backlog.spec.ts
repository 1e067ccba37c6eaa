import { expect } from 'chai';
import {
  bufferCount,
  bufferTime,
  concatMap,
  delay,
  lastValueFrom,
  map,
  mergeMap,
  NEVER,
  of,
  take,
  timer,
  toArray,
  type Observable,
} from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisPort, PortRecord } from '../../lib/kinesis/port.js';
import { polling } from '../../lib/readers/polling.js';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { checkpointOf } from '../support/kept-checkpoints.js';

const COUNT = 50_000;

/** A port of one closed shard whose records come in one page, more than the service would give: what a page may hold is no limit. */
function onePage(count: number): KinesisPort {
  const Data = new Uint8Array(1);
  const Records: PortRecord[] = Array.from({ length: count }, (_, i) => ({ SequenceNumber: String(i + 1), PartitionKey: 'key', Data }));
  const shard = {
    ShardId: 'shardId-000000000000',
    HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
    SequenceNumberRange: { StartingSequenceNumber: '0', EndingSequenceNumber: String(count) },
  };
  const answer = <T>(response: T): Observable<T> => of(response).pipe(delay(1));
  return {
    listShards: () => answer({ Shards: [shard] }),
    getShardIterator: () => answer('iterator'),
    getRecords: () => answer({ Records }),
  };
}

function config(store: ReturnType<typeof memoryCheckpoints>, stop: Observable<unknown> = NEVER): KinesisStreamConfig {
  return {
    client: onePage(COUNT),
    streamName: 'stream',
    startFrom: 'TRIM_HORIZON',
    store,
    stop,
    reader: polling({ idleDelayMs: 1 }),
    budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
  };
}

describe('kinesisStream with 50 000 records in one page', () => {
  it(
    'goes through the pipeline of the README: no stack error, no hang',
    marbles(({ flush }) => {
      const store = memoryCheckpoints();
      const sizes: number[] = [];
      kinesisStream(config(store, timer(2_000)))
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              bufferTime(200),
              withSequenceRanges(),
              recoverFrom(store),
              concatMap((block) => of(block).pipe(delay(5))),
              checkpointEvery(30_000),
            ),
          ),
        )
        .subscribe({ next: (block) => sizes.push(block.records.length), complete: () => sizes.push(-1) });
      flush();
      expect(sizes).to.deep.equal([COUNT, -1]);
      expect(checkpointOf(store)).to.equal('SHARD_END');
    }),
  ).timeout(60_000);

  const kinds: Record<string, (block: Block, i: number) => Observable<Block>> = {
    'synchronous work': (block) => of(block),
    'work that is synchronous but once': (block, i) => (i === 0 ? of(block).pipe(delay(10)) : of(block)),
  };
  for (const [name, project] of Object.entries(kinds)) {
    it(
      `goes through mergeMap with ${name}, a block for each record`,
      marbles(({ flush }) => {
        const store = memoryCheckpoints();
        let blocks = 0;
        kinesisStream(config(store, timer(2_000)))
          .pipe(mergeShards((shard) => shard.pipe(bufferCount(1), withSequenceRanges(), mergeMap(project), checkpointEvery(30_000))))
          .subscribe(() => blocks++);
        flush();
        expect(blocks).to.equal(COUNT);
        expect(checkpointOf(store)).to.equal('SHARD_END');
      }),
    ).timeout(60_000);
  }

  it('goes through concatMap with a backlog of 50 000 blocks of one record and asynchronous work (regression: a queue that dies silently)', async () => {
    const store = memoryCheckpoints();
    const blocks$ = kinesisStream(config(store)).pipe(
      mergeShards((shard) =>
        shard.pipe(
          bufferCount(1),
          withSequenceRanges(),
          concatMap(async (block) => block),
          checkpointEvery(30_000),
        ),
      ),
    );
    const numbers = await lastValueFrom(
      blocks$.pipe(
        map((block) => block.records[0]!.sequenceNumber),
        take(COUNT),
        toArray(),
      ),
    );
    expect(numbers).to.have.length(COUNT);
    expect(numbers.at(-1)).to.equal(String(COUNT));
    expect(checkpointOf(store)).to.equal(String(COUNT));
  }).timeout(60_000);
});
