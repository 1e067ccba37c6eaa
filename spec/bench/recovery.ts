import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { planRecovery, type SequenceNumberRange } from 'rx-kinesis';
import { messageOf, startChild } from './child.js';
import { CountedClient } from './counted-client.js';
import { blockByBlock, onePass, withLoadBlocks, type Recovery } from './recovery-ways.js';
import { median } from './figures.js';

const HELP = `Usage: npx tsx spec/bench/recovery.ts [options]

Recovers 1 000 lost blocks over 4 shards from a local Kinesis in a process of its own, whose records are made before: (A) as Spark does it, one iterator and
one read for each block, in sequence; (B) with loadBlocks, whose store has lost every block; (C) one plain pass over the same records, shard after shard.
In turns, the medians count. Fails unless B is five times as fast as A, and takes at most twice as long as C, with a round trip of --latency ms a call: a call to
Kinesis takes that and more. The figures without a round trip show the work alone: B makes blocks of the records, verifies them, and puts them back.

  --blocks N    blocks, a multiple of 4     (default 1000)
  --records N   records a block              (default 40)
  --bytes N     payload bytes a record       (default 200)
  --latency N   ms that each call takes more (default 10)
  --rounds N    runs of each                 (default 3)
  --quick       1 round of 80 blocks: shows that it works, its figures mean nothing
  --help        this text`;

const { values: options } = parseArgs({
  options: {
    blocks: { type: 'string' },
    records: { type: 'string' },
    bytes: { type: 'string' },
    latency: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const SHARDS = 4;
const STREAM = 'recovery';
const LEAST_GAIN = 5;
const MOST_OF_ONE_PASS = 2;
const NAMES: Readonly<Record<Way, string>> = { A: 'block by block, as Spark', B: 'loadBlocks', C: 'one plain pass' };

if (options.help) console.log(HELP);
else await bench();

async function bench(): Promise<void> {
  const { quick } = options;
  const [blocks, records, bytes] = [whole('blocks', quick ? 80 : 1_000), whole('records', 40), whole('bytes', 200)];
  const [latencyMs, rounds] = [whole('latency', 10), whole('rounds', quick ? 1 : 3)];
  if (blocks % SHARDS !== 0) throw new Error(`--blocks: expected a multiple of ${SHARDS}, got ${blocks}`);
  console.log(
    `${blocks} lost blocks of ${records} records of ${bytes} bytes in ${SHARDS} shards, ${rounds} rounds, Node ${process.version}`,
  );

  const server = startChild('recovery-server.ts', { shards: SHARDS, perShard: (blocks / SHARDS) * records, bytes });
  try {
    const client = new CountedClient(await messageOf<string>(server));
    const ranges = rangesOf(blocks, records);
    const { iterators, reads, seconds } = planRecovery(ranges, { bytesPerRecord: bytes });
    console.log(`planRecovery of the ranges: ${iterators} iterators, ${reads} reads; within the limits of Kinesis ${seconds} s`);
    let isFast = true;
    for (const ms of new Set([0, latencyMs])) {
      client.latencyMs = ms;
      const fast = report(ms, await runInTurns(client, ranges, { blocks, records, rounds }));
      isFast &&= fast;
    }
    client.kinesis.destroy();
    if (!isFast && !quick) process.exitCode = 1;
  } finally {
    server.disconnect();
  }
}

type Way = 'A' | 'B' | 'C';

interface Run extends Recovery {
  readonly iterators: number;
  readonly reads: number;
}

async function runInTurns(
  client: CountedClient,
  ranges: readonly SequenceNumberRange[],
  { rounds, ...size }: { readonly blocks: number; readonly records: number; readonly rounds: number },
): Promise<Record<Way, Run[]>> {
  const runs: Record<Way, Run[]> = { A: [], B: [], C: [] };
  const ways: Readonly<Record<Way, () => Promise<Recovery>>> = {
    A: () => blockByBlock(client.kinesis, ranges),
    B: () => withLoadBlocks(client.kinesis, { streamName: STREAM, shards: SHARDS, ...size }, () => client.reset()),
    C: () => onePass(client.kinesis, ranges),
  };
  // One round more than asked for, so that the code is compiled when the clock starts.
  for (let round = 0; round <= rounds; round++) {
    for (const way of ['A', 'B', 'C'] as const) {
      client.reset();
      const recovery = await ways[way]();
      const run = { ...recovery, iterators: client.callsOf('GetShardIterator'), reads: client.callsOf('GetRecords') };
      if (round > 0) runs[way].push(run);
      assert.deepEqual(run.sequenceNumbers, runs.A[0]?.sequenceNumbers ?? run.sequenceNumbers);
      for (const { shardId, fromSeqNumber, toSeqNumber } of [ranges[0]!, ranges.at(-1)!])
        for (const end of [fromSeqNumber, toSeqNumber])
          assert(run.sequenceNumbers.get(shardId)!.includes(end), `${NAMES[way]} has read ${end}`);
    }
  }
  return runs;
}

/** Prints a table; returns whether the aims are reached. */
function report(latencyMs: number, runs: Readonly<Record<Way, readonly Run[]>>): boolean {
  const msOf = (way: Way): number => median(runs[way].map(({ ms }) => ms));
  console.log(
    `\n${`with ${latencyMs} ms a call`.padEnd(32)}${'ms'.padStart(10)}${'spread'.padStart(18)}${'iterators'.padStart(12)}${'reads'.padStart(8)}`,
  );
  for (const way of ['A', 'B', 'C'] as const) {
    const all = runs[way].map(({ ms }) => ms);
    const [{ iterators, reads }] = runs[way] as [Run];
    const spread = `${Math.min(...all).toFixed(0)}..${Math.max(...all).toFixed(0)}`;
    console.log(
      `${`${way}  ${NAMES[way]}`.padEnd(32)}${msOf(way).toFixed(0).padStart(10)}${spread.padStart(18)}${String(iterators).padStart(12)}${String(reads).padStart(8)}`,
    );
  }
  const [gain, cost] = [msOf('A') / msOf('B'), msOf('B') / msOf('C')];
  console.log(
    `B is ${gain.toFixed(1)} times as fast as A (aim: ${LEAST_GAIN}), and takes ${cost.toFixed(2)} of C (aim: ${MOST_OF_ONE_PASS})`,
  );
  return gain >= LEAST_GAIN && cost <= MOST_OF_ONE_PASS;
}

/** The ranges of the blocks, in turns of the shards, as they would have come. */
function rangesOf(blocks: number, records: number): SequenceNumberRange[] {
  const perShard = (blocks / SHARDS) * records;
  return Array.from({ length: blocks }, (_, i) => {
    const shard = i % SHARDS;
    const first = shard * perShard + Math.floor(i / SHARDS) * records + 1;
    const ends = { fromSeqNumber: String(first), toSeqNumber: String(first + records - 1), fromSubSeqNumber: 0, toSubSeqNumber: 0 };
    return { streamName: STREAM, shardId: `shardId-00000000000${shard}`, ...ends, recordCount: records };
  });
}

function whole(name: 'blocks' | 'bytes' | 'latency' | 'records' | 'rounds', byDefault: number): number {
  const value = Number(options[name] ?? byDefault);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name}: expected a whole number from 1 up, got ${options[name]}`);
  return value;
}
