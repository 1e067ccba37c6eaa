/** The worker of the demo, a process of its own: the mean delay of each group, from the stream into the sink. */
import { bufferTime, concatMap, Subject, tap } from 'rxjs';
import { leaseTable } from '../../../lib/dynamodb/index.js';
import {
  checkpointEvery,
  kinesisStream,
  mergeShards,
  polling,
  readBudget,
  recoverFrom,
  withSequenceRanges,
  type KinesisEvent,
} from '../../../lib/index.js';
import { dynamoDBClient, kinesisClient } from './clients.js';
import { endWithParent, optionsOf, tellParent } from './child.js';
import { STOP, type WorkerMessage, type WorkerOptions } from './messages.js';
import { FlightSink } from './sink.js';

const { kinesisUrl, dynamoDBUrl, leaseTable: tableName, streamName, sinkDirectory } = optionsOf<WorkerOptions>();
const tell = (message: WorkerMessage): void => tellParent(message);

endWithParent();
tell({ type: 'ready' });

const client = kinesisClient(kinesisUrl);
const dynamoDB = dynamoDBClient(dynamoDBUrl);
const sink = await FlightSink.open(sinkDirectory);
const stop$ = new Subject<void>();
process.on('message', (message) => message === STOP && stop$.next());

// One worker at a time: under the name of the one before it has its leases at once, without waiting for the failover time.
const store = leaseTable({ client: dynamoDB, tableName, workerId: 'demo', events: { next: report } });

kinesisStream({
  client,
  streamName,
  startFrom: 'TRIM_HORIZON',
  store,
  stop: stop$,
  // The emulator has no quota, and says of every page that it is the newest.
  budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
  reader: polling({ maxRecordsPerPage: 2_000, idleDelayMs: 30 }),
  // Few and fast, so that the outage is longer than the reader's patience, and recovery has something to do.
  retry: { maxRetries: 3, initialDelayMs: 5, maxDelayMs: 20 },
  events: { next: report },
})
  .pipe(
    mergeShards((shard) =>
      shard.pipe(
        bufferTime(200),
        withSequenceRanges(),
        // While reads fail, each of those short rounds of retries ends in a recovery.
        recoverFrom(store, { maxRecoveries: 1_000 }),
        concatMap((block) => sink.save(block)),
        tap(({ fresh, processed }) => tell({ type: 'saved', fresh, processed })),
        checkpointEvery(1_000),
      ),
    ),
  )
  .subscribe({ error: fail, complete: () => void finish() });

function report(event: KinesisEvent): void {
  tell({ type: 'event', event });
}

function fail(error: unknown): void {
  console.error('The worker failed:', error);
  process.exit(1);
}

/** Lets go of everything that keeps the process alive. */
async function finish(): Promise<void> {
  await sink.close();
  client.destroy();
  dynamoDB.destroy();
  process.disconnect();
}
