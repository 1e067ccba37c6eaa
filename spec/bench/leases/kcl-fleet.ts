import type { KclLine } from '../../interop/kcl-lines.js';
import { startKclWorker } from '../../interop/kcl-worker.js';
import type { FleetLine, FleetProcess, FleetSettings } from '../../support/fleet-process.js';

/** KCL gives its own shutdown no limit; what it has not done by then it would not do. */
const STOP_WITHIN_MS = 120_000;
/** Only its start is quickened: at first it sleeps a shardSyncInterval, a minute, when it has made the rows. */
const OPTIONS = 'lease.shardSyncIntervalMillis=100';
const TYPES: Readonly<Record<string, string>> = { initialize: 'shardStarted' };

/** Starts a worker of the real KCL that shares a stream as one of ours does: its settings are KCL's defaults, with our pace of reading and checkpoints. */
export function startKclFleetProcess(line: KclLine, settings: FleetSettings): FleetProcess {
  const { workerId, idleDelayMs = 200, failoverTimeMs } = settings;
  const worker = startKclWorker(line, workerId, {
    STREAM: settings.streamName,
    APP: settings.tableName,
    WORKER_ID: workerId,
    // The account of the emulators' streams.
    AWS_ACCESS_KEY_ID: '123456789012',
    KINESIS_ENDPOINT: settings.kinesis,
    DYNAMODB_ENDPOINT: settings.dynamodb,
    FAILOVER_MS: String(failoverTimeMs),
    IDLE_MS: String(idleDelayMs),
    CHECKPOINT_MS: '1000',
    STOP_TIMEOUT_MS: String(STOP_WITHIN_MS),
    KCL_OPTIONS: OPTIONS,
  });
  const toLine = ({ event, at, shardId, sequenceNumber }: (typeof worker.lines)[number]): FleetLine => ({
    ...{ type: TYPES[event] ?? event, at, workerId, shardId, sequenceNumber },
  });
  return {
    workerId,
    signal: (name) => worker.signal(name),
    stop: () => worker.stop(STOP_WITHIN_MS),
    kill: () => worker.kill(),
    lines: () => worker.lines.map(toLine),
  };
}
