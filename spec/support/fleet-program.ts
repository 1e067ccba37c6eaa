import { openSync, writeSync } from 'node:fs';
import { bufferTime, concatMap, Subject, tap, timer } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import { checkpointEvery, kinesisStream, mergeShards, polling, withSequenceRanges, type Block } from '../../lib/index.js';
import { fast } from './consumer.js';
import { clientsOf as dynamodbClientsOf } from './dynamodb-services.js';
import type { FleetSettings } from './fleet-process.js';
import { clientsOf as kinesisClientsOf } from './kinesis-services.js';

/*
 * A worker of a fleet as a process of its own: writes a line of JSON for each record whose work is done and for each event, with the time.
 * SIGTERM is its `stop`; it ends by itself then.
 */
const settings = JSON.parse(process.argv[2]!) as FleetSettings;
const { streamName, tableName, kinesis, dynamodb, file, workerId, failoverTimeMs, idleDelayMs = 20 } = settings;
const log = openSync(file, 'a');
const tell = (line: object): void => void writeSync(log, `${JSON.stringify({ at: Date.now(), workerId, ...line })}\n`);
const stop$ = new Subject<void>();
process.once('SIGTERM', () => {
  tell({ type: 'stopping' });
  stop$.next();
});

const events = { next: (event: object) => tell(withoutError(event)) };
const store = leaseTable({
  client: dynamodbClientsOf(dynamodb).client(),
  tableName,
  workerId,
  failoverTimeMs,
  tablePollIntervalMs: 5,
  events,
});
const done = ({ records }: Block): void =>
  records.forEach(({ shardId, sequenceNumber }) => tell({ type: 'record', shardId, sequenceNumber }));

kinesisStream({
  client: kinesisClientsOf(kinesis).client(),
  streamName,
  startFrom: 'TRIM_HORIZON',
  ...fast,
  reader: polling({ idleDelayMs, maxRecordsPerPage: 1_000 }),
  discoveryIntervalMs: 1_000,
  store,
  stop: stop$,
  events: { next: (event) => (event.type === 'pageRead' ? undefined : tell(withoutError(event))) },
})
  .pipe(
    mergeShards((shard) =>
      shard.pipe(
        bufferTime(20),
        withSequenceRanges(),
        concatMap((block) =>
          timer(20).pipe(
            tap(() => done(block)),
            concatMap(() => [block]),
          ),
        ),
        checkpointEvery(100, { retryDelayMs: 5 }),
      ),
    ),
  )
  .subscribe({
    error: (error: unknown) => {
      tell({ type: 'failed', error: String(error) });
      process.exit(1);
    },
    complete: () => {
      tell({ type: 'complete' });
      process.exit(0);
    },
  });
// Whoever started it is gone.
process.once('disconnect', () => process.exit(0));
tell({ type: 'started' });

function withoutError(event: object): object {
  return 'error' in event ? { ...event, error: String(event.error) } : event;
}
