import { parseArgs } from 'node:util';
import type { Canned } from './canned-pages.js';
import { messageOf, startChild } from './child.js';
import { cpuMicros, head, line, median, NAMES, ratio, recordsPerSecond } from './report.js';
import type { RunOrder, RunResult, Subject } from './run.js';

const HELP = `Usage: npm run bench -- [options]

Reads the same canned stream with a plain loop over client.send(new GetRecordsCommand(...)) (A) and with the pipeline of
the README (B), each run in a process of its own, in turns; then the pipeline on pages in memory, without HTTP and SDK.
Prints medians of records/s and of CPU time a record (user and system, of the reading process alone).

  --records N   records a run              (default 200000)
  --page N      records a page             (default 1000)
  --bytes N     payload bytes a record     (default 200)
  --rounds N    runs of each               (default 5)
  --quick       2 rounds of 20000 records: shows that it works, its figures mean nothing
  --help        this text`;

const { values: options } = parseArgs({
  options: {
    records: { type: 'string' },
    page: { type: 'string' },
    bytes: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) console.log(HELP);
else await bench();

async function bench(): Promise<void> {
  const { quick } = options;
  const rounds = whole('rounds', quick ? 2 : 5);
  const canned = { records: whole('records', quick ? 20_000 : 200_000), perPage: whole('page', 1_000), bytes: whole('bytes', 200) };
  const warmup = { ...canned, records: Math.min(canned.records, 20 * canned.perPage) };
  console.log(`${canned.records} records of ${canned.bytes} bytes, ${canned.perPage} a page, ${rounds} rounds, Node ${process.version}\n`);

  const server = startChild('server.ts', { records: canned, warmup });
  try {
    const port = await messageOf<number>(server);
    const results = await runInTurns(rounds, { port, canned, warmup });
    report(results);
  } finally {
    server.kill();
  }
}

/** One after the other and in turns, so that what else the machine does falls on all of them. */
async function runInTurns(rounds: number, order: Omit<RunOrder, 'subject'>): Promise<Map<Subject, RunResult[]>> {
  const subjects = Object.keys(NAMES) as Subject[];
  const results = new Map<Subject, RunResult[]>(subjects.map((subject) => [subject, []]));
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) results.get(subject)!.push(await run({ ...order, subject }));
  }
  return results;
}

async function run(order: RunOrder): Promise<RunResult> {
  const result = await messageOf<RunResult>(startChild('run.ts', order));
  if (result.records !== order.canned.records) {
    throw new Error(`${order.subject}: read ${result.records} of ${order.canned.records} records`);
  }
  return result;
}

function report(results: ReadonlyMap<Subject, readonly RunResult[]>): void {
  const of = (subject: Subject): readonly RunResult[] => results.get(subject)!;
  console.log(head());
  for (const [subject, name] of Object.entries(NAMES)) console.log(line(name, of(subject as Subject)));
  const ours = median(of('operators').map(cpuMicros)) - median(of('rxjs').map(cpuMicros));
  const against = (subject: Subject) =>
    `${ratio(cpuMicros, of(subject), of('loop'))} in CPU per record, ${ratio(recordsPerSecond, of(subject), of('loop'))} in records/s`;
  console.log(`
B : A    ${against('pipeline')}
B+ : A   ${against('pipeline-more-credit')}
Source and operators over plain RxJS: ${ours.toFixed(2)} µs a record (aim: 0.3)`);
}

function whole(name: 'bytes' | 'page' | 'records' | 'rounds', byDefault: number): Canned['records'] {
  const value = Number(options[name] ?? byDefault);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name}: expected a whole number from 1 up, got ${options[name]}`);
  return value;
}
