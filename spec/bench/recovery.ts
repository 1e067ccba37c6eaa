import { messageOf, resultOf, startBuilt } from './child.js';
import { figureOf, ratioOf, shown } from './figures.js';
import type { RecoveryFigures, RecoveryOrder, Way } from './recovery-run.js';
import type { ResultTable, Section } from './section.js';

const NAMES: Readonly<Record<Way, string>> = {
  blockByBlock: 'block by block, as Spark does it: an iterator and a read for each',
  loadBlocks: '`loadBlocks`',
  onePass: 'one plain pass over the same records, shard after shard',
};
const WAYS = Object.keys(NAMES) as Way[];
const SHARDS = 4;
const RECORDS = 40;
const BYTES = 200;
/** A call to Kinesis takes that and more. */
const LATENCY_MS = 10;

type Results = Readonly<Record<Way, readonly RecoveryFigures[]>>;

/** How long it takes to re-read lost blocks. */
export const recovery: Section = {
  key: 'f',
  file: 'recovery',
  title: 'Recovery of lost blocks',
  about: `A thousand lost blocks of ${RECORDS} records of ${BYTES} bytes, in ${SHARDS} shards, are re-read from a local Kinesis in a process of its own, whose records are made before; in turns, after one round that does not
count. \`loadBlocks\` makes blocks of the records, verifies them and puts them back; the other ways only read. All speak JSON. The figures without a round trip show the work alone.`,
  rounds: 3,
  run: async ({ quick, rounds, say }) => {
    const blocks = quick ? 80 : 1_000;
    const perShard = (blocks / SHARDS) * RECORDS;
    const server = await startBuilt('recovery-server.ts', { shards: SHARDS, perShard, bytes: BYTES });
    try {
      const endpoint = await messageOf<string>(server);
      const runs = (latencyMs: number): Promise<Results> => {
        say(`with ${latencyMs} ms a call`);
        const order: RecoveryOrder = { endpoint, shards: SHARDS, blocks, records: RECORDS, latencyMs, rounds };
        return resultOf<Results>('recovery-run.ts', order);
      };
      const [alone, late] = [await runs(0), await runs(LATENCY_MS)];
      const title = (ms: number): string => (ms === 0 ? 'Without a round trip' : `With ${ms} ms a call`);
      return {
        tables: [tableOf(title(LATENCY_MS), late), tableOf(title(0), alone)],
        ratios: {
          'loadBlocks : block by block, 10 ms a call': ratioOf(times(late, 'loadBlocks'), times(late, 'blockByBlock')),
          'loadBlocks : one pass, 10 ms a call': ratioOf(times(late, 'loadBlocks'), times(late, 'onePass')),
        },
      };
    } finally {
      server.kill();
    }
  },
};

function tableOf(title: string, results: Results): ResultTable {
  const rows = WAYS.map((way) => {
    const [{ iterators, reads }] = results[way] as [RecoveryFigures];
    const ratio = shown(ratioOf(times(results, way), times(results, 'onePass')));
    return [NAMES[way], shown(figureOf(times(results, way)), 0), way === 'onePass' ? '1' : ratio, String(iterators), String(reads)];
  });
  return { title, head: ['', 'ms', 'ratio to one pass', 'iterators', 'reads'], rows };
}

function times(results: Results, way: Way): number[] {
  return results[way].map(({ ms }) => ms);
}
