import { mkdtemp } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { combineLatest, filter, firstValueFrom, ignoreElements, merge, mergeMap, throwError, timeout, TimeoutError } from 'rxjs';
import { readFlights, type FlightCount, type Flights } from './flights.js';
import { integer, seconds } from './format.js';
import { HOLD_AT, intervene, type Scene } from './interventions.js';
import { killAll } from './processes.js';
import { Production } from './production.js';
import { ProgressDisplay } from './progress.js';
import type { Findings } from './report.js';
import { LEASE_TABLE, startServices, STREAM } from './services.js';
import { readSink } from './sink-database.js';
import { summarizeShards } from './summarize-shards.js';
import { verify } from './verification.js';
import { Watch } from './watch.js';
import { Workers } from './workers.js';

/** How long the flights take to be produced, in ms: what the emulator keeps up with beside a worker on two cores. */
const DURATION_MS = { 20000: 26_000, all: 48_000 };
/** When nothing has been produced or processed for so long, nothing more will come. */
const STALLED_MS = 15_000;
const STOP_PATIENCE_MS = 15_000;

/** Runs the demo from beginning to end, and gives what it found. Leaves no process and no file behind. */
export async function runDemo(records: FlightCount): Promise<Findings> {
  const directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-demo-'));
  const removeFiles = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  // For an end by exit(), after which nothing can be awaited.
  const cleanUp = (): void => {
    void killAll();
    removeFiles();
  };
  process.once('exit', cleanUp);
  const services = await startServices();
  try {
    const sinkDirectory = join(directory, 'sink');
    const { kinesisUrl, dynamoDBUrl, proxy } = services;
    const durationMs = DURATION_MS[records];
    const logFile = join(directory, 'produced.jsonl');
    const production = new Production({ kinesisUrl, streamName: STREAM, records, durationMs, holdAt: HOLD_AT, logFile });
    const workers = new Workers({ kinesisUrl: proxy.url, dynamoDBUrl, leaseTable: LEASE_TABLE, streamName: STREAM, sinkDirectory });
    return await perform({ services, production, workers }, readFlights(records), sinkDirectory);
  } finally {
    await killAll();
    removeFiles();
    process.removeListener('exit', cleanUp);
    await services.close();
  }
}

async function perform(scene: Scene, flights: Flights, sinkDirectory: string): Promise<Findings> {
  const { production, workers } = scene;
  const display: ProgressDisplay = new ProgressDisplay(() => ({
    produced: production.produced$.value,
    processed: workers.processed$.value,
    flights: flights.flights.length,
    checkpoints: workers.tally.checkpoints,
    figures: watch.figures,
  }));
  const watch: Watch = new Watch(workers.events$, () => display.elapsedMs);
  display.say(`${integer(flights.flights.length)} flights by ${flights.groupName}, into a stream of 4 shards`);
  production.start();
  workers.start();
  display.start();
  try {
    const isComplete = await untilProcessed(scene, flights.flights.length, display.say);
    const hasStopped = (await workers.stop(STOP_PATIENCE_MS)) === 0;
    display.say(hasStopped ? 'the worker was asked to stop, and has' : 'the worker did not stop as it was asked to');
    display.stop();
    const { alerts } = watch;
    return await examine(scene, flights, sinkDirectory, { isComplete, hasStopped, elapsedMs: display.elapsedMs, alerts });
  } finally {
    display.stop();
    watch.end();
  }
}

/** Compares what is in the sink with the stream and with the file. */
async function examine(
  { production, workers, services }: Scene,
  flights: Flights,
  sinkDirectory: string,
  end: Pick<Findings, 'alerts' | 'isComplete' | 'hasStopped' | 'elapsedMs'>,
): Promise<Findings> {
  const { counts, totals, applied } = await readSink(sinkDirectory);
  const produced = await production.readLog();
  const verdict = verify({ flights: flights.flights, produced, applied, totals });
  const shards = await summarizeShards(services, produced, applied);
  const { tally, takeovers } = workers;
  const { failed: failedReads } = services.proxy;
  // An outage that loses nothing shows nothing.
  const hasRecovered = tally.recoveredRecords > 0;
  const passed = verdict.passed && end.isComplete && end.hasStopped && hasRecovered;
  return { ...end, passed, flights, verdict, counts, totals, tally, failedReads, takeovers, shards };
}

/** Waits until the interventions are over and all flights are processed; gives `false` when nothing moves any more before. */
async function untilProcessed(scene: Scene, flights: number, say: (text: string) => void): Promise<boolean> {
  const { production, workers } = scene;
  const moves$ = combineLatest([production.produced$, workers.processed$]);
  const allProcessed$ = moves$.pipe(filter(([produced, processed]) => produced === flights && processed >= flights));
  const done = Promise.all([intervene(scene, flights, say), production.finished(), firstValueFrom(allProcessed$)]);
  const crash$ = merge(production.crash$, workers.crash$).pipe(mergeMap((error) => throwError(() => error)));
  const stall$ = moves$.pipe(timeout({ each: STALLED_MS }), ignoreElements());
  try {
    await firstValueFrom(merge(done, crash$, stall$));
    return true;
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    say(`nothing has moved for ${seconds(STALLED_MS)}: giving up`);
    return false;
  }
}
