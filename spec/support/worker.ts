import { fsyncSync, openSync, writeSync } from 'node:fs';
import { tap, timer } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import type { Block } from '../../lib/index.js';
import { consume, inPagesOf } from './consumer.js';
import { clientsOf as dynamodbClientsOf } from './dynamodb-services.js';
import { clientsOf as kinesisClientsOf } from './kinesis-services.js';
import type { WorkerSettings } from './worker-process.js';

/*
 * A consumer as a process of its own, to be killed: writes each record that it has worked on to a file, for good, before the
 * work on its block completes. Says over its channel when it is ready, starts when it is told, and tells of its first block.
 */
const { streamName, tableName, kinesis, dynamodb, file } = JSON.parse(process.argv[2]!) as WorkerSettings;
const client = kinesisClientsOf(kinesis).client();
const store = leaseTable({ client: dynamodbClientsOf(dynamodb).client(), tableName, tablePollIntervalMs: 5, workerId: 'worker' });
const log = openSync(file, 'a');
let blocks = 0;

const write = ({ records }: Block): void => {
  writeSync(log, records.map(({ shardId, sequenceNumber }) => `${shardId} ${sequenceNumber}\n`).join(''));
  fsyncSync(log);
  if (blocks++ === 0) process.send!('working');
};

process.once('message', () => {
  const consumer = consume({
    client,
    streamName,
    store,
    // Several blocks of each shard are in flight whenever the kill comes, and no run comes to the end of the stream.
    ...inPagesOf(10),
    maxInFlightRecords: 40,
    work: (block) => timer(Math.random() * 30).pipe(tap(() => write(block))),
  });
  consumer.ended().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
// Whoever started it is gone.
process.once('disconnect', () => process.exit(0));
process.send!('ready');
