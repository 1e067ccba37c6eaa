import { fsyncSync, openSync, writeSync } from 'node:fs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { bufferTime, concatMap, defer, map, mergeMap, Subject, tap, timer, type Observable } from 'rxjs';
import { leaseTable } from '../../lib/dynamodb/index.js';
import {
  checkpointEvery,
  kinesisStream,
  mergeShards,
  polling,
  recoverFrom,
  withSequenceRanges,
  type Block,
  type Shard,
} from '../../lib/index.js';
import { clientsOf as dynamodbClientsOf } from '../support/dynamodb-services.js';
import { clientsOf as kinesisClientsOf } from '../support/kinesis-services.js';
import type { TortureSettings } from './worker-lines.js';

/*
 * A worker of the torture, to be killed and paused: writes each block that it has worked on to its file, for good, before it can settle, and
 * every event. SIGTERM is its `stop`.
 */
const settings = JSON.parse(process.argv[2]!) as TortureSettings;
const { streamName, tableName, kinesis, dynamodb, file, workerId, processId, failoverTimeMs, inOrder, sdkRetries } = settings;
const log = openSync(file, 'a');
const tell = (line: object): void => void writeSync(log, `${JSON.stringify({ at: Date.now(), ...line })}\n`);
const tellEvent = (event: object): void =>
  tell({ type: 'event', event: 'error' in event ? { ...event, error: chainOf(event.error) } : event });
const stop$ = new Subject<void>();
process.once('SIGTERM', () => {
  tell({ type: 'stopping' });
  stop$.next();
});
process.send!('running');

// Whoever looks at the requests sees by this who made them.
const agent = { customUserAgent: [['torture', processId]] as [string, string][], ...(sdkRetries && { maxAttempts: 3 }) };
const store = leaseTable({
  client: dynamodbClientsOf(dynamodb).client(agent),
  tableName,
  workerId,
  failoverTimeMs,
  events: { next: tellEvent },
});
/** How often pipelines cut blocks, by turns: often, and so seldom that there is something in the buffer when recoverFrom has to act. */
const BLOCKS_MS = [300, 3_000] as const;

const work = (block: Block, shardId: string, tenure: number): Observable<Block> =>
  // At once, they overtake each other; one after the other, they keep up.
  timer(Math.random() * (inOrder ? 1 : 4) * BLOCKS_MS[0]).pipe(
    tap(() => {
      tell({ type: 'block', shardId, tenure, recovered: block.recovered, numbers: block.records.map((record) => record.sequenceNumber) });
      fsyncSync(log);
    }),
    map(() => block),
  );

let tenures = 0;

const pipeline = (shard: Shard): Observable<Block> =>
  defer(() => {
    const { shardId } = shard;
    const tenure = tenures++;
    tell({ type: 'tenure', shardId, tenure });
    const works = (block: Block): Observable<Block> => work(block, shardId, tenure);
    return shard.pipe(
      bufferTime(BLOCKS_MS[tenure % 2]!),
      withSequenceRanges(),
      recoverFrom(store, { maxRecoveries: 1_000, maxDelayMs: 1_000 }),
      inOrder ? concatMap(works) : mergeMap(works, 6),
      checkpointEvery(300),
    );
  });

kinesisStream({
  client: kinesisClientsOf(kinesis).client({ ...agent, requestHandler: new NodeHttpHandler() }),
  streamName,
  startFrom: 'TRIM_HORIZON',
  // kinesalite writes CBOR slowly, and goes on with requests that nobody waits for any more: big pages take it seconds on a busy machine.
  reader: polling({ idleDelayMs: 200, maxRecordsPerPage: 250 }),
  // Few and soon, so that it has to.
  retry: { maxRetries: 2, initialDelayMs: 50 },
  requestTimeoutMs: 2_000,
  discoveryIntervalMs: 5_000,
  store,
  stop: stop$,
  events: { next: (event) => (event.type === 'pageRead' || event.type === 'blockSettled' ? undefined : tellEvent(event)) },
})
  .pipe(mergeShards(pipeline))
  .subscribe({
    error: (error: unknown) => {
      tell({ type: 'failed', error: chainOf(error) });
      process.exit(1);
    },
    complete: () => {
      tell({ type: 'complete' });
      process.exit(0);
    },
  });
// Whoever started it is gone.
process.once('disconnect', () => process.exit(0));
tell({ type: 'begun' });

/** An error and what caused it. */
function chainOf(error: unknown): string {
  const { cause } = (error ?? {}) as { readonly cause?: unknown };
  return `${String(error)}${cause === undefined ? '' : ` <- ${chainOf(cause)}`}`;
}
