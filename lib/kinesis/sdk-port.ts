import { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { map, type Observable } from 'rxjs';
import { fromAbortable } from '../internal/fromAbortable.js';
import { InvalidConfigError } from '../values/errors.js';
import type { GetRecordsPage, KinesisPort, ListShardsPage } from './port.js';

/**
 * What of a `KinesisClient` of `@aws-sdk/client-kinesis` is used: taken by its shape, so that any 3.x of it will do.
 *
 * @remarks The client's own retries come before this package's, and its region, credentials and endpoint are its own.
 */
export interface KinesisClientLike {
  // The SDK's `send` is overloaded by command; any narrower parameter would refuse the real client.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  send(command: any, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>;
}

/** Gives the port of a client, or the port that was given in its place. */
export function portOf(client: KinesisClientLike | KinesisPort): KinesisPort {
  if (isPort(client)) return client;
  if (typeof (client as Partial<KinesisClientLike> | undefined)?.send === 'function') return sdkPort(client);
  throw new InvalidConfigError('client: expected a KinesisClient (an object with send) or a KinesisPort');
}

function isPort(client: KinesisClientLike | KinesisPort): client is KinesisPort {
  return typeof (client as Partial<KinesisPort> | undefined)?.getRecords === 'function';
}

function sdkPort(client: KinesisClientLike): KinesisPort {
  const send = <R>(command: object): Observable<R> => fromAbortable((abortSignal) => client.send(command, { abortSignal }) as Promise<R>);
  // As it was answered: what is missing is for whoever reads it to see.
  return {
    listShards: (request) => send<ListShardsPage>(new ListShardsCommand(request)),
    getShardIterator: (request) =>
      send<{ readonly ShardIterator: string } | undefined>(new GetShardIteratorCommand(request)).pipe(
        map((response) => response?.ShardIterator as string),
      ),
    getRecords: (request) => send<GetRecordsPage>(new GetRecordsCommand(request)),
  };
}
