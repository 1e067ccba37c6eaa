import { mkdtemp } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { combineLatest, filter, firstValueFrom, ignoreElements, merge, mergeMap, throwError, timeout, TimeoutError } from 'rxjs';
import { readFlights, type FlightCount, type Flights } from './flights.js';
import { integer, seconds } from './format.js';
import { failuresIn } from './failures.js';
import { Fleet } from './fleet.js';
import { intervene, type Scene } from './interventions.js';
import { killAll } from './processes.js';
import { Production } from './production.js';
import { ProgressDisplay } from './progress.js';
import type { Findings } from './report.js';
import { startServices } from './services.js';
import { DURATION_MS, FAILOVER_MS, LEASE_TABLE, MEMORY_BYTES, SHARDS, STREAM, WORKERS } from './settings.js';
import { readSink } from './sink-database.js';
import { summarizeShards } from './summarize-shards.js';
import { verify } from './verification.js';
import { FlightSink } from './sink.js';
import { Watch } from './watch.js';

/** When nothing has been produced or processed for so long, nothing more will come. */
const STALLED_MS = 30_000;
const STOP_PATIENCE_MS = 30_000;

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
  const services = await startServices(join(directory, 'bucket'));
  try {
    const { kinesisUrl, dynamoDBUrl, s3Url, proxy } = services;
    const durationMs = DURATION_MS[records];
    const logFile = join(directory, 'produced.jsonl');
    const production = new Production({ kinesisUrl, streamName: STREAM, records, durationMs, logFile });
    const stream = { kinesisUrl: proxy.url, dynamoDBUrl, leaseTable: LEASE_TABLE, streamName: STREAM, failoverTimeMs: FAILOVER_MS };
    const sinkDirectory = join(directory, 'sink');
    const sink = await FlightSink.open(sinkDirectory);
    const fleet = new Fleet({ ...stream, s3Url, directory, memoryBytes: MEMORY_BYTES[records] }, sink);
    return await perform({ services, production, fleet }, readFlights(records), sinkDirectory);
  } finally {
    await killAll();
    removeFiles();
    process.removeListener('exit', cleanUp);
    await services.close();
  }
}

async function perform(scene: Scene, flights: Flights, sinkDirectory: string): Promise<Findings> {
  const { production, fleet } = scene;
  const startedAt = Date.now();
  const display: ProgressDisplay = new ProgressDisplay(() => ({
    produced: production.produced$.value,
    processed: fleet.processed$.value,
    flights: flights.flights.length,
    waiting: fleet.traces.waiting(fleet.names).length,
    checkpoints: fleet.tally.checkpoints,
    figures: watch.figures,
  }));
  const watch: Watch = new Watch(fleet.events$, () => display.elapsedMs);
  display.say(
    `${integer(flights.flights.length)} flights by ${flights.groupName}, into a stream of ${SHARDS} shards, which ${WORKERS} workers share`,
  );
  production.start();
  for (let i = 0; i < WORKERS; i++) fleet.start();
  display.start();
  try {
    const isComplete = await untilProcessed(scene, flights.flights.length, display.say);
    const hasStopped = await fleet.stop(STOP_PATIENCE_MS);
    display.say(hasStopped ? 'the workers were asked to stop, and have' : 'a worker did not stop as it was asked to');
    display.stop();
    await fleet.sink.close();
    const { alerts } = watch;
    return await examine(scene, flights, sinkDirectory, { startedAt, isComplete, hasStopped, elapsedMs: display.elapsedMs, alerts });
  } finally {
    display.stop();
    watch.end();
    await fleet.sink.close();
  }
}

/** Compares what is in the sink with the stream and with the file. */
async function examine(
  { production, fleet, services }: Scene,
  flights: Flights,
  sinkDirectory: string,
  end: Pick<Findings, 'alerts' | 'startedAt' | 'isComplete' | 'hasStopped' | 'elapsedMs'>,
): Promise<Findings> {
  const { counts, totals, applied } = await readSink(sinkDirectory);
  const produced = await production.readLog();
  const verdict = verify({ flights: flights.flights, produced, applied, totals });
  const shards = await summarizeShards(services, produced, applied);
  const { length: leftBlocks } = await services.listReplicas();
  const { tally, takeovers, tenures, traces } = fleet;
  const { failed: failedReads } = services.proxy;
  const findings = {
    ...end,
    flights,
    verdict,
    counts,
    totals,
    tally,
    failedReads,
    takeovers,
    tenures: tenures.all,
    traces,
    leftBlocks,
    shards,
  };
  return { ...findings, failures: failuresIn(findings) };
}

/** Waits until the interventions are over and all flights are processed; gives `false` when nothing moves any more before. */
async function untilProcessed(scene: Scene, flights: number, say: (text: string) => void): Promise<boolean> {
  const { production, fleet } = scene;
  const moves$ = combineLatest([production.produced$, fleet.processed$]);
  const allProcessed$ = moves$.pipe(filter(([produced, processed]) => produced === flights && processed >= flights));
  const done = Promise.all([intervene(scene, flights, say), production.finished(), firstValueFrom(allProcessed$)]);
  const crash$ = merge(production.crash$, fleet.crash$).pipe(mergeMap((error) => throwError(() => error)));
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
