import { messageOf, resultOf, startBuilt } from './child.js';
import { figureOf, ratioOf, shown } from './figures.js';
import type { LatencyOrder, LatencyRunResult } from './latency-run.js';
import type { ResultTable, Section } from './section.js';

/** How long a record takes from its put to the handler. */
export const latency: Section = {
  key: 'c',
  file: 'latency',
  title: 'From put to handler',
  about: `Ten records a second are put at random times into one stream a reader, on kinesalite in a process of its own; all readers run at once, in one process. The time runs from before the put to the
handler. Then polling, with its defaults, beside fan-out: one record each 100 ms through the SDK, on a fake behind HTTP in the same process, which pushes an event as soon as a record is there. These are the
times that the package and the SDK add; Kinesis itself takes some 70 ms to push a record, as AWS says.`,
  rounds: 3,
  run: async ({ quick, rounds, say }) => {
    const [seconds, fanOutPuts] = quick ? [4, 20] : [20, 100];
    const results: LatencyRunResult[] = [];
    for (let round = 1; round <= rounds; round++) {
      say(`${round} of ${rounds}, about ${seconds + fanOutPuts / 10 + 5} s`);
      const server = await startBuilt('kinesalite-server.ts', {});
      try {
        const endpoint = await messageOf<string>(server);
        const order: LatencyOrder = { endpoint, seconds, rate: 10, fanOutPuts };
        results.push(await resultOf<LatencyRunResult>('latency-run.ts', order));
      } finally {
        server.kill();
      }
    }
    const p50 = (reader: number): number[] => results.map(({ readers }) => readers[reader]!.p50);
    const fanOut = results.map((result) => result.fanOut.fanOut.p50);
    return {
      tables: [beside(results, p50), withFanOut(results)],
      ratios: {
        "latency: 'low', a block a page : loop": ratioOf(p50(1), p50(0)),
        'default, a block a page, ms': figureOf(p50(2)),
        'fan-out : polling': ratioOf(
          fanOut,
          results.map((result) => result.fanOut.polling.p50),
        ),
      },
    };
  },
};

function beside(results: readonly LatencyRunResult[], p50: (reader: number) => number[]): ResultTable {
  const rows = results[0]!.readers.map(({ name }, reader) => {
    const of = (field: 'p99' | 'readsPerSecond'): number[] => results.map(({ readers }) => readers[reader]![field]);
    const ratio = reader === 0 ? '1' : shown(ratioOf(p50(reader), p50(0)));
    return [name, shown(figureOf(p50(reader)), 0), shown(figureOf(of('p99')), 0), shown(figureOf(of('readsPerSecond')), 1), ratio];
  });
  return { title: 'Polling', head: ['', 'p50 in ms', 'p99 in ms', 'reads/s', 'p50 : the loop'], rows };
}

function withFanOut(results: readonly LatencyRunResult[]): ResultTable {
  const rows = (['polling', 'fanOut'] as const).map((reader) => {
    const of = (field: 'p50' | 'p99'): string => shown(figureOf(results.map(({ fanOut }) => fanOut[reader][field])), 0);
    return [reader === 'polling' ? '`polling()`' : '`fanOut(...)`', of('p50'), of('p99')];
  });
  return { title: 'Fan-out', head: ['', 'p50 in ms', 'p99 in ms'], rows };
}
