import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { simulate, type Rules, type SimulationResult } from './simulation.js';

const HELP = `Usage: npm run bench:leases -- [options]

Simulates a fleet that shares shards through a lease table, in virtual time: all workers start; a tenth more joins, a tenth is killed, a
tenth stops, a tenth stands still for 30 s, each time the worker that watches the table among them; then nothing happens for six minutes.
Once by this package's rules and once by those of KCL 2.x (no hand-over, nothing released at a stop, a look each 20 s), on the same
script. The failover time is 10 s.

  --workers N   (default 100)
  --shards N    (default 2000)
  --seed N      (default 1)
  --quick       20 workers, 200 shards
  --help        this text`;

const { values: options } = parseArgs({
  options: {
    workers: { type: 'string' },
    shards: { type: 'string' },
    seed: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) console.log(HELP);
else bench();

function bench(): void {
  const { quick } = options;
  const size = { workers: whole('workers', quick ? 20 : 100), shards: whole('shards', quick ? 200 : 2_000), seed: whole('seed', 1) };
  console.log(`${size.workers} workers, ${size.shards} shards, seed ${size.seed}, failover time 10 s; virtual time\n`);
  const results = (['own', 'kcl'] as const).map((rules) => [rules, timed(() => simulate({ ...size, rules }))] as const);
  console.log(tableOf(results));
  // By its own rules no two workers that run may believe that they hold one shard.
  if (results.some(([rules, { doubles }]) => rules === 'own' && doubles > 0)) process.exitCode = 1;
}

function timed(run: () => SimulationResult): SimulationResult {
  const startMs = performance.now();
  const result = run();
  const mib = (process.resourceUsage().maxRSS / 1_024).toFixed(0);
  console.log(`simulated in ${((performance.now() - startMs) / 1_000).toFixed(0)} s; ${mib} MiB at most so far`);
  return result;
}

function tableOf(results: readonly (readonly [Rules, SimulationResult])[]): string {
  const table = new Table({
    head: ['', ...results.map(([rules]) => (rules === 'own' ? 'this package' : 'KCL 2.x rules'))],
    style: { head: [] },
  });
  const row = (name: string, of: (result: SimulationResult) => string) => table.push([name, ...results.map(([, result]) => of(result))]);
  row('all have their share after the start', ({ balancedMs }) => seconds(balancedMs));
  row('… after a tenth more have joined', ({ rebalancedMs }) => seconds(rebalancedMs));
  row('a shard that moves is read by nobody for', ({ gapsMs }) => spread(gapsMs.rebalance));
  row('… of a worker that was killed', ({ gapsMs }) => spread(gapsMs.crash));
  row('… of one that stopped', ({ gapsMs }) => spread(gapsMs.stop));
  row('… of one that stands still for 30 s', ({ gapsMs }) => spread(gapsMs.pause));
  row('two that run hold one shard', ({ doubles }) => `${doubles} times`);
  row('writes a lease and hour, at rest', ({ hourly }) => (hourly.writes / shardsOf()).toFixed(0));
  row('scans a worker and hour, at rest', ({ hourly }) => (hourly.scans / workersOf()).toFixed(0));
  row('reads of one row a worker and hour, at rest', ({ hourly }) => (hourly.peeks / workersOf()).toFixed(0));
  row('read units an hour of both, all workers', ({ hourly }) => hourly.readUnits.toFixed(0));
  return table.toString();
}

function shardsOf(): number {
  return whole('shards', options.quick ? 200 : 2_000);
}

/** At rest: a tenth has joined, one was killed and one has stopped. */
function workersOf(): number {
  const workers = whole('workers', options.quick ? 20 : 100);
  return workers - Math.max(1, Math.round(workers * 0.1));
}

function spread(gapsMs: readonly number[]): string {
  if (gapsMs.length === 0) return '-';
  const sorted = [...gapsMs].sort((a, b) => a - b);
  const at = (share: number): string => seconds(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
  return `${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} (${sorted.length})`;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? 'never' : `${(ms / 1_000).toFixed(1)} s`;
}

function whole(name: 'seed' | 'shards' | 'workers', fallback: number): number {
  const text = options[name];
  const number = text === undefined ? fallback : Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`--${name}: expected a whole number from 1 up, got ${text}`);
  return number;
}
