/** The producer of the demo, a process of its own: puts the flights into the stream, and keeps a log of where each one went. */
import { createWriteStream } from 'node:fs';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { concatMap, interval, takeWhile } from 'rxjs';
import { endWithParent, optionsOf, tellParent } from './child.js';
import { kinesisClient } from './clients.js';
import { readFlights, type Flight } from './flights.js';
import type { PaceMessage, ProducerMessage, ProducerOptions } from './messages.js';
import type { Produced } from './verification.js';

const BATCH_INTERVAL_MS = 100;
/** Ahead of what goes wrong, the pace is this part of the usual one: there is always something to read, and enough is left for what is to come. */
const SLOW_PACE = 0.1;

const { kinesisUrl, streamName, records, durationMs, logFile } = optionsOf<ProducerOptions>();
const tell = (message: ProducerMessage): void => tellParent(message);

endWithParent();
const client = kinesisClient(kinesisUrl);
const log = createWriteStream(logFile);
const { flights } = readFlights(records);
const batchSize = Math.ceil((flights.length * BATCH_INTERVAL_MS) / durationMs);
let produced = 0;
let fastUpTo = 0;
process.on('message', (message) => (fastUpTo = (message as PaceMessage).fastUpTo));

// A put that takes longer than the interval delays the next one: the order is that of the file.
interval(BATCH_INTERVAL_MS)
  .pipe(
    concatMap(() => put(nextBatch())),
    takeWhile((count) => count < flights.length, true),
  )
  .subscribe({ next: (count) => tell({ produced: count }), error: fail, complete: finish });

function nextBatch(): readonly Flight[] {
  return flights.slice(produced, produced + (produced < fastUpTo ? batchSize : Math.ceil(batchSize * SLOW_PACE)));
}

/** Gives how many flights are in the stream by now. */
async function put(batch: readonly Flight[]): Promise<number> {
  const Records = batch.map((flight) => ({ PartitionKey: flight.group, Data: new TextEncoder().encode(JSON.stringify(flight)) }));
  const response = await client.send(new PutRecordsCommand({ StreamName: streamName, Records }));
  if (response.FailedRecordCount) throw new Error(`Kinesis refused ${response.FailedRecordCount} of ${batch.length} records`);
  const places = batch.map(({ index }, i): Produced => {
    const { ShardId: shardId = '', SequenceNumber: sequenceNumber = '' } = response.Records?.[i] ?? {};
    return { index, shardId, sequenceNumber };
  });
  log.write(places.map((place) => `${JSON.stringify(place)}\n`).join(''));
  produced += batch.length;
  return produced;
}

function fail(error: unknown): void {
  console.error('The producer failed:', error);
  process.exit(1);
}

function finish(): void {
  client.destroy();
  log.end(() => process.disconnect());
}
