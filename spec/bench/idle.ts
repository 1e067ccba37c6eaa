import { messageOf, resultOf, startBuilt } from './child.js';
import { figureOf, ratioOf, shown } from './figures.js';
import type { IdleOrder, IdleResult } from './idle-run.js';
import { inTurns } from './in-turns.js';
import type { ResultTable, Section, SectionOptions } from './section.js';

type Subject = IdleOrder['subject'];
type Results = Readonly<Partial<Record<Subject, readonly IdleResult[]>>>;

const IN_MEMORY: Readonly<Partial<Record<Subject, string>>> = {
  buffers: '`bufferTime(200)` alone, over a source that is silent',
  shards: 'shards without operators, on a port in memory',
  pipeline: "the README's pipeline, on a port in memory",
};
const THROUGH_SDK: Readonly<Partial<Record<Subject, string>>> = {
  'sdk-loops': 'bare loops over client.send(GetRecordsCommand)',
  'sdk-shards': 'shards without operators',
  'sdk-pages': "the README's pipeline with `blockPerPage()` in place of `bufferTime(200)`",
  'sdk-pipeline': "the README's pipeline",
};

/** What shards cost that have no records. */
export const idle: Section = {
  key: 'e',
  file: 'idle',
  title: 'A thousand idle shards',
  about: `One process reads 1 000 open shards that never have a record, at the default pace: a second between an answer and the next read, once five seconds have passed without a record. CPU (user
and system) is that of the reading process after eight seconds, over twenty in memory, over ten through the SDK; memory is what it has more than a process that only loads the package, after a collection.
In memory, all that stands in the table runs at the same time. Through the SDK, the pages come from a canned HTTP server in another process, the loops make as many calls, a second apart, and each process runs
alone with the server, in turns.`,
  run: async (options) => {
    const { quick, rounds } = options;
    const shards = quick ? 50 : 1_000;
    const times = Math.min(rounds, 3);
    const memory = await resultsAtOnce(['empty', 'buffers', 'shards', 'pipeline'], times, options, {
      shards,
      port: 0,
      ...spans(quick, 20_000),
    });
    const server = await startBuilt('idle-server.ts', { shards });
    try {
      const port = await messageOf<number>(server);
      const order = { shards, port, ...spans(quick, 10_000) };
      const sdk = await inTurns(['sdk-loops', 'sdk-shards', 'sdk-pages', 'sdk-pipeline'], rounds, (subject) => {
        options.say(`${subject}: ${durationOf(order)} s`);
        return resultFor(subject, order);
      });
      return {
        tables: [inMemory(memory, shards), throughSdk(sdk)],
        ratios: {
          'percent of a core, pipeline in memory': figureOf(share(memory, 'pipeline')),
          'shards : loops, CPU a read': ratioOf(cpuMicros(sdk, 'sdk-shards'), cpuMicros(sdk, 'sdk-loops')),
          'pipeline : loops, CPU a read': ratioOf(cpuMicros(sdk, 'sdk-pipeline'), cpuMicros(sdk, 'sdk-loops')),
          'KiB of heap a shard, pipeline in memory': figureOf(perShard(memory, 'pipeline', 'heapBytes', shards)),
        },
      };
    } finally {
      server.kill();
    }
  },
};

function spans(quick: boolean, measuredMs: number): Pick<IdleOrder, 'measuredMs' | 'warmupMs'> {
  return quick ? { warmupMs: 1_000, measuredMs: 2_000 } : { warmupMs: 8_000, measuredMs };
}

async function resultsAtOnce(
  subjects: readonly Subject[],
  times: number,
  { say }: SectionOptions,
  order: Omit<IdleOrder, 'subject'>,
): Promise<Results> {
  const results = new Map<Subject, IdleResult[]>(subjects.map((subject) => [subject, []]));
  for (let round = 1; round <= times; round++) {
    say(`${subjects.join(', ')}: ${round} of ${times}, ${durationOf(order)} s`);
    await Promise.all(subjects.map(async (subject) => results.get(subject)!.push(await resultFor(subject, order))));
  }
  return Object.fromEntries(results);
}

function resultFor(subject: Subject, order: Omit<IdleOrder, 'subject'>): Promise<IdleResult> {
  return resultOf<IdleResult>('idle-run.ts', { ...order, subject } satisfies IdleOrder, ['--expose-gc']);
}

function durationOf({ warmupMs, measuredMs }: Omit<IdleOrder, 'subject'>): number {
  return Math.round((warmupMs + measuredMs) / 1_000);
}

function inMemory(results: Results, shards: number): ResultTable {
  const kib = (subject: Subject, field: 'heapBytes' | 'residentBytes'): string =>
    shown(figureOf(perShard(results, subject, field, shards)), 1);
  const rows = (Object.entries(IN_MEMORY) as [Subject, string][]).map(([subject, name]) => [
    name,
    shown(figureOf(share(results, subject))),
    subject === 'buffers' ? '' : shown(figureOf(readsPerSecond(results, subject)), 0),
    kib(subject, 'heapBytes'),
    kib(subject, 'residentBytes'),
  ]);
  return { title: 'In memory', head: ['', '% of a core', 'reads/s', 'KiB of heap a shard', 'KiB resident a shard'], rows };
}

function throughSdk(results: Results): ResultTable {
  const rows = (Object.entries(THROUGH_SDK) as [Subject, string][]).map(([subject, name]) => [
    name,
    shown(figureOf(cpuMicros(results, subject)), 0),
    shown(ratioOf(cpuMicros(results, subject), cpuMicros(results, 'sdk-loops'))),
    shown(figureOf(readsPerSecond(results, subject)), 0),
  ]);
  return { title: 'Through the SDK', head: ['', 'CPU µs a read', 'ratio to the loops', 'reads/s'], rows };
}

function share(results: Results, subject: Subject): number[] {
  return results[subject]!.map(({ cpuMs, wallMs }) => (cpuMs / wallMs) * 100);
}

function cpuMicros(results: Results, subject: Subject): number[] {
  return results[subject]!.map(({ cpuMs, reads }) => (cpuMs * 1_000) / reads);
}

function readsPerSecond(results: Results, subject: Subject): number[] {
  return results[subject]!.map(({ reads, wallMs }) => (reads * 1_000) / wallMs);
}

/** What a subject has more than the empty process of its round, a shard, in KiB. */
function perShard(results: Results, subject: Subject, field: 'heapBytes' | 'residentBytes', shards: number): number[] {
  return results[subject]!.map((result, round) => (result[field] - results.empty![round]![field]) / shards / 1_024);
}
