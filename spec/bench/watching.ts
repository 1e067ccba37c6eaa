import { Subject } from 'rxjs';
import {
  checkpointSuccessRate,
  health,
  highErrorRate,
  perShard,
  processingLag,
  recordsProcessed,
  recoveryRate,
  stuckShards,
  throttleRate,
  type KinesisEvent,
} from '../../lib/index.js';

/*
 * What watching costs: `npx tsx spec/bench/watching.ts`. Sends as many events as 100 shards tell in a minute at 10 000 a second, through every metric and
 * alert at once and through each by itself, then for a while in real time, and prints the CPU time (user and system, of this process alone) as the part of a core that it would
 * take at that rate. What an event costs without anybody but an empty subscriber is taken off.
 */
const RATE = 10_000;
const SECONDS = 60;
const SHARDS = 100;
const ROUNDS = 5;
const PACED_SECONDS = 15;

const window = { windowMs: 300_000, everyMs: 10_000 };
type Watch = (events$: Subject<KinesisEvent>) => { subscribe(next: () => void): unknown };

const watches: Readonly<Record<string, Watch>> = {
  checkpointSuccessRate: (events$) => events$.pipe(checkpointSuccessRate(window)),
  recoveryRate: (events$) => events$.pipe(recoveryRate(window)),
  processingLag: (events$) => events$.pipe(processingLag(window)),
  throttleRate: (events$) => events$.pipe(throttleRate({ service: 'kinesis', ...window })),
  recordsProcessed: (events$) => events$.pipe(recordsProcessed(window)),
  stuckShards: (events$) => events$.pipe(stuckShards({ maxAllowedLagMs: 120_000 })),
  highErrorRate: (events$) => events$.pipe(highErrorRate(window)),
  health: (events$) => health(events$),
  'perShard(processingLag)': (events$) => events$.pipe(perShard(processingLag(window))),
};
/** Those that a program would have: the metrics, for Kinesis and DynamoDB, the alerts and its health. */
const ALL: readonly Watch[] = [
  ...Object.entries(watches).flatMap(([name, watch]) => (name.startsWith('perShard') ? [] : [watch])),
  (events$) => events$.pipe(throttleRate({ service: 'dynamodb', ...window })),
];

const events = mixOf(RATE);
const idleMs = measure([]);
console.log(`${RATE} events/s of ${SHARDS} shards, ${SECONDS} s, ${ROUNDS} rounds, Node ${process.version}\n`);
for (const [name, watch] of Object.entries(watches)) report(name, measure([watch]) - idleMs);
const heapBefore = heapUsed();
report('all at once, without perShard', measure(ALL) - idleMs);
console.log(`heap after all of it: ${((heapUsed() - heapBefore) / 1_024).toFixed(0)} KiB more than before`);
const [paced, pacedIdle] = [await paceCpuMs(ALL), await paceCpuMs([])];
console.log(`in real time, 100 events every 10 ms: ${(((paced - pacedIdle) / (PACED_SECONDS * 1_000)) * 100).toFixed(2)} % of a core`);
process.exit();

function report(name: string, cpuMs: number): void {
  const share = (cpuMs / (SECONDS * 1_000)) * 100;
  console.log(
    `${name.padEnd(32)} ${share.toFixed(2).padStart(6)} % of a core ${((cpuMs * 1_000) / (RATE * SECONDS)).toFixed(3).padStart(8)} µs an event`,
  );
}

/** The CPU time in ms, the median of some rounds after one for the compiler. */
function measure(subjects: readonly Watch[]): number {
  const times = Array.from({ length: ROUNDS + 1 }, () => round(subjects)).slice(1);
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

function round(subjects: readonly Watch[]): number {
  const events$ = new Subject<KinesisEvent>();
  for (const subject of subjects) subject(events$).subscribe(() => undefined);
  events$.subscribe();
  const start = process.cpuUsage();
  for (let second = 0; second < SECONDS; second++) for (const event of events) events$.next(event);
  const { user, system } = process.cpuUsage(start);
  events$.complete();
  return (user + system) / 1_000;
}

/** The CPU time in ms of a process that has something else to do between the events, and its timers. */
async function paceCpuMs(subjects: readonly Watch[]): Promise<number> {
  const events$ = new Subject<KinesisEvent>();
  for (const subject of subjects) subject(events$).subscribe(() => undefined);
  const start = process.cpuUsage();
  for (let sent = 0; sent < PACED_SECONDS * RATE; sent += RATE / 100) {
    for (let i = 0; i < RATE / 100; i++) events$.next(events[(sent + i) % RATE]!);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { user, system } = process.cpuUsage(start);
  events$.complete();
  return (user + system) / 1_000;
}

/** A second of events, in turns of the shards: of ten, four pages, two blocks opened and settled, a checkpoint, a retry of a read. */
function mixOf(count: number): KinesisEvent[] {
  const place = Array.from({ length: SHARDS }, (_, i) => ({
    at: 0,
    streamName: 'flights',
    shardId: `shardId-${String(i).padStart(12, '0')}`,
  }));
  const page = { type: 'pageRead', records: 100, bytes: 20_000, millisBehindLatest: 0, hasOpenBlocks: true } as const;
  const opened = { type: 'blockOpened', records: 100, bytes: 20_000 } as const;
  const settled = { type: 'blockSettled', records: 100, bytes: 20_000, lagMs: 300, hasOpenBlocks: true } as const;
  const written = { type: 'checkpointWritten', sequenceNumber: '1', subSequenceNumber: 0 } as const;
  const retry = { type: 'readRetry', reason: 'throttling', attempt: 1, delayMs: 100, error: undefined } as const;
  const kinds = [page, opened, page, settled, written, page, opened, page, settled, retry];
  return Array.from({ length: count }, (_, i) => ({ ...kinds[i % kinds.length]!, ...place[Math.floor(i / kinds.length) % SHARDS]! }));
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
