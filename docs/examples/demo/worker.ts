/** A worker of the demo, a process of its own: the mean delay of each group, from the stream into the sink. */
import { bufferTime, concatMap, filter, fromEvent, map, share, type Observable } from 'rxjs';
import { leaseTable } from '../../../lib/dynamodb/index.js';
import {
  checkpointEvery,
  kinesisStream,
  loadBlocks,
  mergeShards,
  polling,
  readBudget,
  recoverFrom,
  releaseBlocks,
  storeBlocks,
  withSequenceRanges,
  type KinesisEvent,
} from '../../../lib/index.js';
import { dynamoDBClient, kinesisClient } from './clients.js';
import { endWithParent, optionsOf, tellParent } from './child.js';
import type { ParentMessage, WorkerMessage, WorkerOptions } from './messages.js';
import { remoteSink } from './remote-sink.js';
import { openBlocks } from './worker-blocks.js';

const options = optionsOf<WorkerOptions>();
const tell = (message: WorkerMessage): void => tellParent(message);
const report = (event: KinesisEvent): void => tell({ type: 'event', event });

endWithParent();
tell({ type: 'ready' });

const messages$ = (fromEvent(process, 'message') as Observable<[ParentMessage]>).pipe(
  map(([message]) => message),
  share(),
);
const save = remoteSink(tell, messages$);
const blocks = openBlocks(options, { found: (blockId, place) => tell({ type: 'found', blockId, place }), event: report });
messages$
  .pipe(concatMap((message) => (message.type === 'deleteCopies' ? blocks.deleteCopies(message.blockIds).then(() => true) : [])))
  .subscribe(() => tell({ type: 'copiesDeleted' }));

const client = kinesisClient(options.kinesisUrl);
const dynamoDB = dynamoDBClient(options.dynamoDBUrl);
const store = leaseTable({
  client: dynamoDB,
  tableName: options.leaseTable,
  workerId: options.name,
  failoverTimeMs: options.failoverTimeMs,
  events: { next: report },
});

kinesisStream({
  client,
  streamName: options.streamName,
  startFrom: 'TRIM_HORIZON',
  store,
  stop: messages$.pipe(filter(({ type }) => type === 'stop')),
  // The emulator has no quota, and says of every page that it is the newest.
  budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
  reader: polling({ maxRecordsPerPage: 2_000, idleDelayMs: 30 }),
  // One and fast, so that the reader gives up while the last page is in the buffer, and recovery has something to do.
  retry: { maxRetries: 1, initialDelayMs: 5, maxDelayMs: 20 },
  events: { next: report },
})
  .pipe(
    mergeShards((shard) =>
      shard.pipe(
        bufferTime(200),
        withSequenceRanges(),
        // While reads fail, each of those short rounds of retries ends in a recovery.
        recoverFrom(store, { maxRecoveries: 1_000, maxDelayMs: 1_000 }),
        storeBlocks(blocks.store, { shard }),
        checkpointEvery(1_000),
        // One at a time, so that blocks wait in the store, where they can be lost.
        loadBlocks(blocks.store, { shard, maxLoadedBytes: 1 }),
        concatMap((block) => save(block, shard)),
        releaseBlocks(blocks.store),
      ),
    ),
  )
  .subscribe({ error: fail, complete: () => void finish() });

function fail(error: unknown): void {
  console.error(`Worker ${options.name} failed:`, error);
  process.exit(1);
}

/** Lets go of everything that keeps the process alive. */
async function finish(): Promise<void> {
  await blocks.close();
  client.destroy();
  dynamoDB.destroy();
  process.disconnect();
}
