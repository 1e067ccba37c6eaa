import { messageOf, resultOf, startBuilt } from './child.js';
import { figureOf, ratioOf, shown, type Figure } from './figures.js';
import type { IdleOrder, IdleResult } from './idle-run.js';
import { inTurns } from './in-turns.js';
import type { ResultTable, Section, SectionResult } from './section.js';

type Subject = IdleOrder['subject'];
type Results = Readonly<Partial<Record<Subject, readonly IdleResult[]>>>;

const IN_MEMORY: Readonly<Partial<Record<Subject, string>>> = {
  buffers: '`bufferTime(200)` alone, over a source that is silent',
  shards: 'shards without operators, on a port in memory',
  within: "the README's pipeline with `blockWithin(200)`, on a port in memory",
  pipeline: "the README's pipeline, on a port in memory",
};
const THROUGH_SDK: Readonly<Partial<Record<Subject, string>>> = {
  'sdk-loops': 'bare loops over client.send(GetRecordsCommand)',
  'sdk-shards': 'shards without operators',
  'sdk-within': "the README's pipeline with `blockWithin(200)`",
  'sdk-pipeline': "the README's pipeline",
};

/** What shards cost that have no records. */
export const idle: Section = {
  key: 'e',
  file: 'idle',
  title: 'A thousand idle shards',
  about: `One process reads 1 000 open shards that never have a record, at the default pace: a read a second, once five seconds have passed without a record. CPU (user
and system, the collector's threads included) is that of the reading process; memory is what it has more than a process that only loads the package, after a collection. Through the SDK, the pages come from a canned HTTP
server in another process, and each loop waits a second between an answer and the next call. Each process runs alone, in turns with the others: first until V8 has compiled what runs once a read, and reading has caught up with its
beginning (12 seconds in memory, 40 through the SDK, where a read has more code), then 20 seconds by the clock. The README's pipeline makes its blocks with bufferTime(200); blockWithin(200) has no timer while it is empty: see [Performance](../guide/performance.md#idle-shards).`,
  rounds: 3,
  run: async (options) => {
    const { quick, rounds } = options;
    const shards = quick ? 50 : 1_000;
    const measure = <S extends Subject>(subjects: readonly S[], order: Omit<IdleOrder, 'subject'>) =>
      inTurns(subjects, rounds, (subject) => {
        options.say(`${subject}: ${(order.warmupMs + order.measuredMs) / 1_000} s`);
        return resultOf<IdleResult>('idle-run.ts', { ...order, subject } satisfies IdleOrder, ['--expose-gc']);
      });
    const memory = await measure(['empty', 'buffers', 'shards', 'within', 'pipeline'], { shards, port: 0, ...spans(quick, 12_000) });
    const server = await startBuilt('idle-server.ts', { shards });
    try {
      const port = await messageOf<number>(server);
      const sdk = await measure(['sdk-loops', 'sdk-shards', 'sdk-within', 'sdk-pipeline'], {
        shards,
        port,
        ...spans(quick, 40_000),
      });
      return { tables: [inMemory(memory, shards), throughSdk(sdk)], ratios: { ...memoryRatios(memory, shards), ...sdkRatios(sdk) } };
    } finally {
      server.kill();
    }
  },
};

function spans(quick: boolean, warmupMs: number): Pick<IdleOrder, 'measuredMs' | 'warmupMs'> {
  return quick ? { warmupMs: 1_000, measuredMs: 2_000 } : { warmupMs, measuredMs: 20_000 };
}

function memoryRatios(memory: Results, shards: number): SectionResult['ratios'] {
  return {
    'percent of a core, blockWithin in memory': figureOf(share(memory, 'within')),
    'percent of a core, pipeline in memory': figureOf(share(memory, 'pipeline')),
    'KiB of heap a shard, blockWithin in memory': figureOf(perShard(memory, 'within', 'heapBytes', shards)),
    'KiB of heap a shard, pipeline in memory': figureOf(perShard(memory, 'pipeline', 'heapBytes', shards)),
  };
}

function sdkRatios(sdk: Results): SectionResult['ratios'] {
  const ratio = (subject: Subject): Figure => ratioOf(cpuMicros(sdk, subject), cpuMicros(sdk, 'sdk-loops'));
  return {
    'shards : loops, CPU a read': ratio('sdk-shards'),
    'blockWithin : loops, CPU a read': ratio('sdk-within'),
    'pipeline : loops, CPU a read': ratio('sdk-pipeline'),
  };
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
  return {
    title: 'Through the SDK',
    head: ['', 'CPU µs a read', 'ratio to the loops', 'reads/s'],
    rows,
  };
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
