import assert from 'node:assert/strict';
import type { SequenceNumberRange } from 'rx-kinesis';
import { CountedClient } from './counted-client.js';
import { blockByBlock, onePass, withLoadBlocks, type Recovery } from './recovery-ways.js';

/** One run, in a process of its own: `rounds` recoveries by each way, in turns. */
export interface RecoveryOrder {
  /** Of the server of `recovery-server.ts`. */
  readonly endpoint: string;
  readonly shards: number;
  /** A multiple of `shards`. */
  readonly blocks: number;
  /** In each block. */
  readonly records: number;
  /** How much longer each call takes, in ms. */
  readonly latencyMs: number;
  readonly rounds: number;
}

/** How the blocks are recovered: as Spark does it, with `loadBlocks`, or with one plain pass over the records. */
export type Way = 'blockByBlock' | 'loadBlocks' | 'onePass';

/** What one recovery took. */
export interface RecoveryFigures {
  readonly ms: number;
  readonly iterators: number;
  readonly reads: number;
}

const STREAM = 'recovery';
const WAYS = ['blockByBlock', 'loadBlocks', 'onePass'] as const;

const order = JSON.parse(process.argv[2] ?? '{}') as RecoveryOrder;
const client = new CountedClient(order.endpoint);
client.latencyMs = order.latencyMs;
const ran = await runInTurns(order, rangesOf(order));
const figures = WAYS.map((way) => [way, ran[way].map(({ ms, iterators, reads }): RecoveryFigures => ({ ms, iterators, reads }))]);
client.kinesis.destroy();
process.send?.(Object.fromEntries(figures), () => process.exit());

interface Run extends Recovery {
  readonly iterators: number;
  readonly reads: number;
}

async function runInTurns(
  { shards, blocks, records, rounds }: RecoveryOrder,
  ranges: readonly SequenceNumberRange[],
): Promise<Record<Way, Run[]>> {
  const runs: Record<Way, Run[]> = { blockByBlock: [], loadBlocks: [], onePass: [] };
  const ways: Readonly<Record<Way, () => Promise<Recovery>>> = {
    blockByBlock: () => blockByBlock(client.kinesis, ranges),
    loadBlocks: () => withLoadBlocks(client.kinesis, { streamName: STREAM, shards, blocks, records }, () => client.reset()),
    onePass: () => onePass(client.kinesis, ranges),
  };
  // One round more than asked for, so that the code is compiled when the clock starts.
  for (let round = 0; round <= rounds; round++) {
    for (const way of WAYS) {
      client.reset();
      const recovery = await ways[way]();
      const run = { ...recovery, iterators: client.callsOf('GetShardIterator'), reads: client.callsOf('GetRecords') };
      if (round > 0) runs[way].push(run);
      assert.deepEqual(run.sequenceNumbers, runs.blockByBlock[0]?.sequenceNumbers ?? run.sequenceNumbers);
      for (const { shardId, fromSeqNumber, toSeqNumber } of [ranges[0]!, ranges.at(-1)!])
        for (const end of [fromSeqNumber, toSeqNumber]) assert(run.sequenceNumbers.get(shardId)!.includes(end), `${way} has read ${end}`);
    }
  }
  return runs;
}

/** The ranges of the blocks, in turns of the shards, as they would have come. */
function rangesOf({ shards, blocks, records }: RecoveryOrder): SequenceNumberRange[] {
  const perShard = (blocks / shards) * records;
  return Array.from({ length: blocks }, (_, i) => {
    const shard = i % shards;
    const first = shard * perShard + Math.floor(i / shards) * records + 1;
    const ends = { fromSeqNumber: String(first), toSeqNumber: String(first + records - 1), fromSubSeqNumber: 0, toSubSeqNumber: 0 };
    return { streamName: STREAM, shardId: `shardId-00000000000${shard}`, ...ends, recordCount: records };
  });
}
