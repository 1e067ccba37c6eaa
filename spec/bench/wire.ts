import { parseArgs } from 'node:util';
import { messageOf, startChild } from './child.js';
import { sizeOf } from './canned-pages.js';
import { cpuMicros, figureOf, median, ratioOf, recordsPerSecond, shown, thousands } from './figures.js';
import type { RunResult } from './meter.js';
import type { WireRunOrder, WireSubject } from './wire-run.js';

const HELP = `Usage: tsx spec/bench/wire.ts [options]

Reads canned pages with the SDK's own client.send(new GetRecordsCommand(...)) and with this package's port, each run in a
process of its own, in turns. The work reads every field of every record. Prints medians of CPU time a record (user and system,
of the reading process alone) and of records/s.

  --rounds N    runs of each (default 5)
  --sizes LIST  bytes x records a page (default 200x1000,1000x1000,200x10000,10000x100)
  --subjects LIST  which of sdk, sdk-logger-off, json, cbor, cbor-views, cbor-copies (default all)
  --pages N     pages a run (default 400000 records, from 60 to 800)
  --warmup N    pages read before the clock starts (default 1000: fewer leave the SDK's own code interpreted)
  --quick       1 round of few pages: shows that it works
  --help        this text`;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    sizes: { type: 'string', default: '200x1000,1000x1000,200x10000,10000x100' },
    subjects: { type: 'string', default: 'sdk,sdk-logger-off,json,cbor,cbor-views,cbor-copies' },
    pages: { type: 'string' },
    warmup: { type: 'string', default: '1000' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const SUBJECTS = options.subjects.split(',') as readonly WireSubject[];
if (options.help) console.log(HELP);
else for (const size of options.sizes.split(',')) await bench(size);

async function bench(size: string): Promise<void> {
  const { bytes, perPage } = sizeOf(size);
  const rounds = options.quick ? 1 : Number(options.rounds);
  const pages = options.quick ? 20 : Number(options.pages ?? Math.max(60, Math.min(800, Math.round(400_000 / perPage))));
  const warmupPages = options.quick ? 20 : Number(options.warmup);
  console.log(`\n${pages} pages of ${perPage} records of ${bytes} bytes, ${rounds} rounds, Node ${process.version}`);

  const server = startChild('server.ts', { records: { bytes, perPage } });
  const results = new Map<WireSubject, RunResult[]>(SUBJECTS.map((subject) => [subject, []]));
  try {
    const port = await messageOf<number>(server);
    for (let round = 0; round < rounds; round++) {
      for (const subject of SUBJECTS) results.get(subject)!.push(await run({ subject, port, pages, warmupPages }));
    }
  } finally {
    server.kill();
  }
  report(results);
}

function run(order: WireRunOrder): Promise<RunResult> {
  return messageOf<RunResult>(startChild('wire-run.ts', order));
}

function report(results: ReadonlyMap<WireSubject, readonly RunResult[]>): void {
  const plain = results.get('sdk')?.map(cpuMicros);
  for (const [subject, runs] of results) {
    const cpu = runs.map(cpuMicros);
    const ratio = plain ? `${shown(ratioOf(cpu, plain))} : sdk` : '';
    const rate = `${thousands(median(runs.map(recordsPerSecond)))} records/s`;
    console.log(`${subject.padEnd(16)}${shown(figureOf(cpu)).padStart(22)} µs${rate.padStart(20)}${ratio.padStart(28)}`);
  }
}
