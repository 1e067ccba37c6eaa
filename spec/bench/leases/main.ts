import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { SimulationProgress, SimulationResult } from './simulation-result.js';
import { simulate, type Rules } from './simulation.js';

const HELP = `Usage: npm run bench:leases -- [options]

Simulates a fleet that shares shards through a lease table, in virtual time: all workers start; a tenth more joins, a tenth is killed, a
tenth stops, a tenth stands still for 30 s, each time the worker that watches the table among them; in one minute a fiftieth of all replies is
lost, a tenth cannot reach the table for 30 s, a tenth of the clocks is set by an hour, and one shard in a hundred is split; then nothing
happens for six minutes. Each shard has a record a second, and a checkpoint each nine seconds. Once by this package's rules and once by those
of KCL 2.x (no hand-over, nothing released at a stop, a look each 20 s), on the same script. The failover time is 10 s.

How far it is goes to stderr, every half minute. 500 workers with 10 000 shards need some 6 GB (NODE_OPTIONS=--max-old-space-size=8000) and
half an hour for each side; bundled by esbuild, half of that.

  --workers N   (default 100)
  --shards N    (default 2000)
  --seed N      (default 1)
  --rules R     own, kcl or both (default both): one at a time a large fleet needs less memory
  --quick       20 workers, 200 shards
  --help        this text`;

const TELL_MS = 30_000;

const { values: options } = parseArgs({
  options: {
    workers: { type: 'string' },
    shards: { type: 'string' },
    seed: { type: 'string' },
    rules: { type: 'string', default: 'both' },
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
  const tell = teller();
  const results = chosen().map((rules) => [rules, timed(() => simulate({ ...size, rules, tell: (far) => tell(rules, far) }))] as const);
  console.log(tableOf(results));
  const isWrong = ({ wrongs }: SimulationResult): boolean => Object.values(wrongs).some((count) => count > 0);
  // By its own rules no two workers that run may believe that they hold one shard.
  if (results.some(([rules, result]) => isWrong(result) || (rules === 'own' && result.doubles > 0))) process.exitCode = 1;
}

function chosen(): readonly Rules[] {
  const { rules } = options;
  if (rules === 'both') return ['own', 'kcl'];
  if (rules !== 'own' && rules !== 'kcl') throw new Error(`--rules: expected own, kcl or both, got ${rules}`);
  return [rules];
}

/** Tells how far a simulation is, now and then: a large one takes long. */
function teller(): (rules: Rules, progress: SimulationProgress) => void {
  let toldAtMs = performance.now();
  return (rules, { nowMs, endMs, steps, requests, scans, held }) => {
    if (nowMs < endMs && performance.now() - toldAtMs < TELL_MS) return;
    toldAtMs = performance.now();
    const cpu = ((process.cpuUsage().user + process.cpuUsage().system) / 1e6).toFixed(0);
    const mib = (process.memoryUsage().heapUsed / 2 ** 20).toFixed(0);
    const work = `${(steps / 1e6).toFixed(2)} million steps, ${requests} requests, ${scans} of them scans, ${held} leases held`;
    console.error(`${rules}: ${nowMs / 1_000} of ${endMs / 1_000} s, ${work}; ${cpu} s of CPU time, ${mib} MiB of heap`);
  };
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
  row('… of one that cannot reach the table for 30 s', ({ gapsMs }) => spread(gapsMs.faults));
  row('two that run hold one shard', ({ doubles }) => `${doubles} times`);
  row('checkpoints that were lower than the one before', ({ wrongs }) => String(wrongs.lowered));
  row('… of a worker without the lease', ({ wrongs }) => String(wrongs.foreign));
  row('… beyond what was read', ({ wrongs }) => String(wrongs.ahead));
  row('records skipped, shards not read to the end', ({ wrongs }) => `${wrongs.skipped}, ${wrongs.stuck}`);
  row('children begun before the end of their parent', ({ wrongs }) => String(wrongs.early));
  row('writes a lease and hour, at rest', ({ hourly, leases }) => (hourly.writes / leases).toFixed(0));
  row('scans a worker and hour, at rest', ({ hourly, workers }) => (hourly.scans / workers).toFixed(0));
  row('reads of one row a worker and hour, at rest', ({ hourly, workers }) => (hourly.peeks / workers).toFixed(0));
  row('read units an hour of both, all workers', ({ hourly }) => hourly.readUnits.toFixed(0));
  return table.toString();
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
