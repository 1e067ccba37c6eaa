import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { bufferTime, concatMap, finalize, Subject } from 'rxjs';
import { setTimeout as pause } from 'node:timers/promises';
import type { LeaseEvent } from '../../lib/monitoring/lease-events.js';
import { leaseTable } from '../../lib/dynamodb/index.js';
import {
  checkpointEvery,
  kinesisStream,
  mergeShards,
  polling,
  withSequenceRanges,
  type Block,
  type KinesisEvent,
  type Position,
} from '../../lib/index.js';
import { clientsOf as dynamodbClientsOf } from '../support/dynamodb-services.js';
import { clientsOf as kinesisClientsOf } from '../support/kinesis-services.js';
import type { RxSettings } from './rx-process.js';

/*
 * A consumer as a user writes it, in a process of its own. Tells what it does in the words of the KCL worker, and stops as a
 * program on a server does: on SIGTERM.
 */
const settings = JSON.parse(process.argv[2]!) as RxSettings;
const { streamName, tableName, workerId, checkpointMs = 200, workMs = 0, pageRecords = 1_000, discoveryIntervalMs = 1_000 } = settings;
const stop$ = new Subject<void>();

/** Writes to a pipe are synchronous: what is told is told, even if a SIGKILL follows. */
const tell = (event: string, fields: object = {}): void => {
  process.stdout.write(`${JSON.stringify({ event, at: Date.now(), ...fields })}\n`);
};

const placeOf = (start: Position | string): string => (typeof start === 'string' ? start : start.sequenceNumber);

/** Comes so often that nothing else would be found among them. */
const isNoise = (event: KinesisEvent): boolean =>
  event.type === 'pageRead' || (event.type === 'shardsDiscovered' && event.added.length === 0);

const observe = (event: KinesisEvent): void => {
  if (event.type === 'shardStarted') tell('initialize', { ...event, from: placeOf(event.start) });
  else if (event.type === 'checkpointWritten') tell('checkpoint', event);
  else if (event.type === 'shardReleased' && event.reason === 'lost') tell('leaseLost', event);
  else if (event.type === 'shardEndReached') tell('shardEnded', event);
  else if (!isNoise(event)) tell(event.type, 'error' in event ? { ...event, error: String(event.error) } : event);
  if (event.type === 'shardEndReached' && settings.stopsAtShardEnd) queueMicrotask(() => stop$.next());
};

/** By other names: a lost lease that the shard's release tells of is one that was at work. */
const observeLease = (event: LeaseEvent): void =>
  tell(`lease:${event.type}`, 'error' in event ? { ...event, error: String(event.error) } : event);

const workOn = async (block: Block): Promise<Block> => {
  for (const { shardId, sequenceNumber } of block.records) {
    if (workMs > 0) await pause(workMs);
    tell('record', { shardId, sequenceNumber });
  }
  return block;
};

const store = leaseTable({
  client: mortal(dynamodbClientsOf(settings.dynamodb).client()),
  tableName,
  workerId,
  events: { next: observeLease },
  ...settings.leases,
});
const blocks$ = kinesisStream({
  client: kinesisClientsOf(settings.kinesis).client(),
  streamName,
  startFrom: settings.startFrom ?? 'TRIM_HORIZON',
  store,
  stop: stop$,
  reader: polling({ maxRecordsPerPage: pageRecords, idleDelayMs: 200 }),
  discoveryIntervalMs,
  events: { next: observe },
}).pipe(
  mergeShards((shard) => shard.pipe(bufferTime(50), withSequenceRanges(), concatMap(workOn), checkpointEvery(checkpointMs))),
  finalize(() => process.disconnect()),
);

process.once('SIGTERM', () => stop$.next());
process.once('disconnect', () => process.exit());
tell('worker', { state: 'STARTED' });
blocks$.subscribe({
  error: (error: unknown) => {
    tell('end', { error: String(error) });
    console.error(workerId, error);
    process.exitCode = 1;
  },
  complete: () => tell('end'),
});

/** The client, but the process is killed around the request that ends a shard, if so set. */
function mortal(client: DynamoDBClient): DynamoDBClient {
  const { diesAtShardEnd } = settings;
  if (diesAtShardEnd === undefined) return client;
  const die = (): Promise<never> => {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => undefined);
  };
  const send = client.send.bind(client) as (...args: unknown[]) => Promise<unknown>;
  const mortalSend = async (command: { readonly input: object }, ...rest: unknown[]): Promise<unknown> => {
    const endsShard = JSON.stringify(command.input).includes('"SHARD_END"');
    if (endsShard && diesAtShardEnd === 'before') return die();
    const answer = await send(command, ...rest);
    return endsShard ? die() : answer;
  };
  return Object.assign(client, { send: mortalSend });
}
