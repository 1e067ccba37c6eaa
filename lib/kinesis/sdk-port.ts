import { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { map, tap, type Observable } from 'rxjs';
import { fromAbortable } from '../internal/fromAbortable.js';
import { assertMethod, assertService } from '../internal/validate.js';
import type { EventSink } from '../monitoring/events.js';
import { InvalidConfigError } from '../values/errors.js';
import type { GetRecordsPage, GetRecordsRequest, GetShardIteratorRequest, KinesisPort, ListShardsPage, ListShardsRequest } from './port.js';
import { adviseOnce } from './wire/client-advice.js';
import { configOf, type SdkCommand } from './wire/sdk-seam.js';
import type { ResolvedWireConfig } from './wire/wire-config.js';
import { WireReader } from './wire/wire-reader.js';

/**
 * The part of a `KinesisClient` of `@aws-sdk/client-kinesis` that is used, by its shape, so that any version from 3.238.0 on will do.
 *
 * @remarks The client retries a call before this package does. Its region, credentials and endpoint are used as they are.
 */
export interface KinesisClientLike {
  /** Sends one command; `abortSignal` aborts the call. */
  // The SDK's `send` is overloaded by command; any narrower parameter would refuse the real client.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  send(command: any, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>;
}

/** How the port of a client reads. */
export interface SdkPortConfig extends ResolvedWireConfig {
  readonly notify: EventSink;
}

/** The commands of one version of the SDK. */
export interface SdkCommands {
  readonly GetRecordsCommand: new (request: GetRecordsRequest) => object;
  readonly GetShardIteratorCommand: new (request: GetShardIteratorRequest) => object;
  readonly ListShardsCommand: new (request: ListShardsRequest) => object;
}

/** Returns the port of a client, or the port itself if one was given. */
export function portOf(client: KinesisClientLike | KinesisPort, config: SdkPortConfig): KinesisPort {
  if (isPort(client)) {
    for (const call of ['listShards', 'getShardIterator']) assertMethod('client', client, call);
    return client;
  }
  if (typeof (client as Partial<KinesisClientLike> | undefined)?.send === 'function') {
    assertService('client', client, 'Kinesis');
    return sdkPort(client, config, { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand });
  }
  throw new InvalidConfigError('client: expected a KinesisClient (an object with send) or a KinesisPort');
}

function isPort(client: KinesisClientLike | KinesisPort): client is KinesisPort {
  return typeof (client as Partial<KinesisPort> | undefined)?.getRecords === 'function';
}

/** Makes a port of a client, with the commands of its version of the SDK. */
export function sdkPort(client: KinesisClientLike, config: SdkPortConfig, sdk: SdkCommands): KinesisPort {
  const send = <R>(command: object, controller?: AbortController): Observable<R> =>
    fromAbortable((abortSignal) => client.send(command, { abortSignal }) as Promise<R>, controller);
  // The answers are not checked here: readers check them.
  return {
    listShards: (request) => send<ListShardsPage>(new sdk.ListShardsCommand(request)),
    getShardIterator: (request) =>
      send<{ readonly ShardIterator: string } | undefined>(new sdk.GetShardIteratorCommand(request)).pipe(
        map((response) => response?.ShardIterator as string),
      ),
    getRecords: getRecordsOf(client, config, sdk, send),
  };
}

/** Uses `send` alone for a client without a config (made by hand for a test), and with `wire: 'sdk'`; else decodes the pages itself. */
function getRecordsOf(
  client: KinesisClientLike,
  { wire, payloads, notify }: SdkPortConfig,
  { GetRecordsCommand: Command }: SdkCommands,
  send: (command: object, controller?: AbortController) => Observable<GetRecordsPage>,
): (request: GetRecordsRequest) => Observable<GetRecordsPage> {
  const config = configOf(client);
  if (!config) return (request) => send(new Command(request));
  if (wire === 'sdk') return (request) => send(new Command(request)).pipe(tap(() => adviseOnce(client, config, notify)));
  const command = (request: GetRecordsRequest) => new Command(request) as SdkCommand;
  const reader = new WireReader({ client, config, command, send, format: wire, payloads, notify });
  return (request) => reader.getRecords(request);
}
