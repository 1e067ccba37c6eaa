import { timer } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import type { KinesisEvent } from '../../lib/index.js';
import { consume, inPagesOf } from './consumer.js';
import { clientsOf as dynamodbClientsOf } from './dynamodb-services.js';
import { clientsOf as kinesisClientsOf } from './kinesis-services.js';
import type { WatchedWorkerSettings } from './watched-worker-process.js';

/* A consumer as a process of its own, to be killed, that tells its parent of its events. */
const { streamName, tableName, kinesis, dynamodb, workMs } = JSON.parse(process.argv[2]!) as WatchedWorkerSettings;
const watcher = { next: (event: KinesisEvent) => void process.send!(event) };
const client = dynamodbClientsOf(dynamodb).client();
const store = leaseTable({ client, tableName, tablePollIntervalMs: 5, workerId: 'worker', events: watcher });

consume({
  client: kinesisClientsOf(kinesis).client(),
  streamName,
  store,
  watcher,
  ...inPagesOf(10),
  maxInFlightRecords: 40,
  work: () => timer(workMs),
})
  .ended()
  .catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
// Whoever started it is gone.
process.once('disconnect', () => process.exit(0));
