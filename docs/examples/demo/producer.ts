/** The producer of the demo, a process of its own: puts the flights at an even pace, and keeps a log of where each one went. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { concat, concatMap, defer, ignoreElements, interval, take, type Observable } from 'rxjs';
import { endWithParent, optionsOf, tellParent } from './child.js';
import { kinesisClient } from './clients.js';
import { readFlights, type Flight } from './flights.js';
import type { ProducerMessage, ProducerOptions } from './messages.js';
import type { Produced } from './verification.js';

const BATCH_INTERVAL_MS = 100;

const { kinesisUrl, streamName, records, durationMs, holdAt, logFile } = optionsOf<ProducerOptions>();
const tell = (message: ProducerMessage): void => tellParent(message);

endWithParent();
const wordToGoOn = once(process, 'message');
const client = kinesisClient(kinesisUrl);
const log = createWriteStream(logFile);
const { flights } = readFlights(records);
const hold = Math.ceil(flights.length * holdAt);

concat(putAll(flights.slice(0, hold)), defer(() => wordToGoOn).pipe(ignoreElements()), putAll(flights.slice(hold))).subscribe({
  next: (produced) => tell({ produced }),
  error: fail,
  complete: finish,
});

/** A put that takes longer than the interval delays the next one: the order is that of the file. */
function putAll(part: readonly Flight[]): Observable<number> {
  const batchSize = Math.ceil((flights.length * BATCH_INTERVAL_MS) / durationMs);
  return interval(BATCH_INTERVAL_MS).pipe(
    take(Math.ceil(part.length / batchSize)),
    concatMap((i) => put(part.slice(i * batchSize, (i + 1) * batchSize))),
  );
}

/** Gives how many flights are in the stream by now. */
async function put(batch: readonly Flight[]): Promise<number> {
  const Records = batch.map((flight) => ({ PartitionKey: flight.group, Data: new TextEncoder().encode(JSON.stringify(flight)) }));
  const response = await client.send(new PutRecordsCommand({ StreamName: streamName, Records }));
  if (response.FailedRecordCount) throw new Error(`Kinesis refused ${response.FailedRecordCount} of ${batch.length} records`);
  const produced = batch.map(({ index }, i): Produced => {
    const { ShardId: shardId = '', SequenceNumber: sequenceNumber = '' } = response.Records?.[i] ?? {};
    return { index, shardId, sequenceNumber };
  });
  log.write(produced.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return batch.at(-1)!.index + 1;
}

function fail(error: unknown): void {
  console.error('The producer failed:', error);
  process.exit(1);
}

function finish(): void {
  client.destroy();
  log.end(() => process.disconnect());
}
