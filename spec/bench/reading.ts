import { sizeName, SMALL_PAGE, type PageSize } from './canned-pages.js';
import { messageOf, resultOf, startBuilt, startChild } from './child.js';
import { cpuMicros, figureOf, median, ratioOf, recordsPerSecond, shown, thousands, type Figure } from './figures.js';
import { inTurns } from './in-turns.js';
import type { MeterLimits, RunResult } from './meter.js';
import { installPeers, nameOf, type Peer, type Peers } from './peers.js';
import type { ReadOrder, Subject } from './read-run.js';
import type { ResultTable, Section, SectionOptions, SectionResult } from './section.js';

const SIZES: readonly PageSize[] = [
  { bytes: 200, perPage: 1_000 },
  { bytes: 200, perPage: 10_000 },
  { bytes: 1_000, perPage: 1_000 },
  { bytes: 10_000, perPage: 100 },
];

/** Who reads, by the names in the tables. */
const OURS: Readonly<Partial<Record<Subject, string>>> = {
  'pipeline-pages': 'pipeline with checkpoints, a block a page',
  pipeline: "the README's pipeline, bufferTime(200)",
  'pipeline-default': 'the same, with the default credit of 10 000 records',
  'http-json': 'bare HTTP + JSON, no SDK',
  'http-cbor': 'bare HTTP + CBOR, no SDK: the floor',
};
const PEERS: Readonly<Partial<Record<Subject, Peer>>> = {
  'sdk-v2': 'aws-sdk',
  'kinesis-readable': 'kinesis-readable',
  'lifion-kinesis': 'lifion-kinesis',
};

/** The CPU that reading takes, from the wire to the checkpoint, beside loops and other packages. */
export const reading: Section = {
  key: 'a',
  file: 'reading',
  title: 'Reading to a checkpoint',
  about: `CPU a record (user and system, of the reading process alone, its collector's threads included) from a canned HTTP server in another process to the end of
the work, which reads every field of every record and checks that each comes once and in order. The ratio is to a plain loop over \`client.send(new GetRecordsCommand(...))\` of the
same round, without blocks, checkpoints or recovery. Each run is a process of its own. Before its clock starts it reads 4 000 pages of 10 records, so that V8 has compiled what runs once a call (the SDK has much of
that; a consumer makes as many calls in a quarter of an hour), then 200 000 records in pages as they are measured, or 6 s if it is slow. A block a page is \`blockPerPage()\`. The budget of 5 reads a second is lifted, since it, and not the code, would be measured; so is the credit, but in one row: a shard of Kinesis gives 2 MiB a second, and never fills a block of \`bufferTime(200)\` with the 100 000 records that
it gets here.`,
  rounds: 5,
  run: async (options) => {
    const peers = await installPeers(options.say);
    const results: SectionResult[] = [];
    for (const size of options.quick ? SIZES.slice(0, 1) : SIZES) results.push(await compare(size, peers, options));
    return {
      tables: results.flatMap(({ tables }) => tables),
      notes: Object.entries(peers.missing).map(([peer, reason]) => `${peer}: ${reason}.`),
      ratios: Object.assign({}, ...results.map(({ ratios }) => ratios)) as SectionResult['ratios'],
      plot: { title: 'CPU a record, by payload x records a page', unit: 'µs', groups: results.flatMap(({ plot }) => plot?.groups ?? []) },
    };
  },
};

async function compare(size: PageSize, peers: Peers, options: SectionOptions): Promise<SectionResult> {
  const names = subjectNames(peers);
  const subjects = Object.keys(names) as Subject[];
  const limits = limitsOf(size, options);
  const server = await startBuilt('server.ts', { records: { ...size, smallPages: limits.smallPages } });
  const dynamo = startChild('dynamo.ts', {});
  try {
    const target = { streamName: 'records', perPage: size.perPage, port: await messageOf<number>(server) };
    const place = { ...target, peers: peers.folder, dynamoPort: await messageOf<number>(dynamo) };
    const results = await inTurns(subjects, options.rounds, (subject) => {
      options.say(`${sizeName(size)}: ${names[subject]}`);
      return resultOf<RunResult>('read-run.ts', { ...place, subject, limits } satisfies ReadOrder);
    });
    return resultFor(size, names, results);
  } finally {
    server.kill();
    dynamo.kill();
  }
}

function subjectNames({ missing }: Peers): Readonly<Record<Subject, string>> {
  const peers = Object.entries(PEERS).filter(([, peer]) => !missing[peer]);
  const named = peers.map(([subject, peer]) => [subject, subject === 'sdk-v2' ? `a loop over ${nameOf(peer)}` : nameOf(peer)]);
  const names = { sdk: 'client.send(GetRecordsCommand) in a loop', ...OURS, ...(Object.fromEntries(named) as object) };
  return names as Readonly<Record<Subject, string>>;
}

/** Small pages, which leave compiled what runs once a call; then whole ones, for what runs once a record; and about a second of reading. */
function limitsOf({ bytes, perPage }: PageSize, { quick }: SectionOptions): MeterLimits & { readonly smallPages: number } {
  const smallPages = quick ? 20 : 4_000;
  const warmupRecords = smallPages * SMALL_PAGE + (quick ? 5 * perPage : Math.round(Math.min(200_000, 150_000_000 / (bytes + 500))));
  const records = quick ? 20 * perPage : Math.round(Math.min(400_000, 300_000_000 / (bytes + 500)));
  return { smallPages, warmupRecords, records, maxMs: quick ? 10_000 : 6_000 };
}

function resultFor(
  size: PageSize,
  names: Readonly<Record<Subject, string>>,
  results: Readonly<Record<Subject, readonly RunResult[]>>,
): SectionResult {
  const name = sizeName(size);
  const cpu = (subject: Subject): number[] => results[subject].map(cpuMicros);
  const ratios: Record<string, Figure> = {};
  const rows: string[][] = [];
  for (const subject of Object.keys(results) as Subject[]) {
    const ratio = ratioOf(cpu(subject), cpu('sdk'));
    if (subject !== 'sdk') ratios[`${subject} : sdk, ${name}`] = ratio;
    const rate = median(results[subject].map(recordsPerSecond));
    rows.push([names[subject], shown(figureOf(cpu(subject))), subject === 'sdk' ? '1' : shown(ratio), thousands(rate)]);
  }
  const bars = (Object.keys(results) as Subject[]).map((subject) => ({ name: names[subject], value: median(cpu(subject)) }));
  const table: ResultTable = {
    title: `${size.bytes} bytes, ${thousands(size.perPage)} records a page`,
    head: ['', 'CPU µs a record', 'ratio to the loop', 'records/s'],
    rows,
  };
  return { tables: [table], ratios, plot: { title: '', unit: 'µs', groups: [{ name: table.title, bars }] } };
}
