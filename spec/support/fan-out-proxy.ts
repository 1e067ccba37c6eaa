import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { eventIn, eventMessage, MessageSplitter, type JsonEvent } from './event-stream.js';
import { close, listen } from './kinesis-services.js';

/** What a {@link FanOutProxy} does to subscriptions. */
export interface FanOutProxyOptions {
  /** How long a subscription lasts, in ms: then it ends between two events, as Kinesis ends it after five minutes. */
  readonly lastsMs: number;
  /** The children of a shard that is closed, as Kinesis names them; `undefined` of one that is open. */
  readonly childrenOf: (shardId: string) => readonly object[] | undefined;
}

/** Stands before kinesis-local, and ends subscriptions as Kinesis does. */
export interface FanOutProxy {
  readonly endpoint: string;
  /** The subscriptions that were opened: their shard, and how each ended. */
  readonly subscriptions: readonly { readonly shardId: string; readonly end?: 'cut' | 'expired' | 'shard-end' }[];
  /** Cuts the connection in the middle of the next event with records that is not the first of its subscription. */
  cutNextEvent(): void;
  stop(): Promise<void>;
}

/** Starts a proxy before the service at `target`, on a free port. */
export async function startFanOutProxy(target: string, options: FanOutProxyOptions): Promise<FanOutProxy> {
  const subscriptions: { shardId: string; end?: 'cut' | 'expired' | 'shard-end' }[] = [];
  let cutsNext = false;

  const passOn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const { method, url: path, headers } = request;
    const onward = forward(target, { method, path, headers });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    onward.end(body);
    const [answered] = (await once(onward, 'response')) as [IncomingMessage];
    response.writeHead(answered.statusCode!, answered.headers);
    const isSubscription = String(headers['x-amz-target']).endsWith('.SubscribeToShard') && answered.statusCode === 200;
    if (!isSubscription) return void answered.pipe(response);
    answered.on('error', () => response.destroy());
    watch(answered, response, (JSON.parse(body.toString()) as { ShardId: string }).ShardId);
  };

  const watch = (answered: IncomingMessage, response: ServerResponse, shardId: string): void => {
    const subscription: (typeof subscriptions)[number] = { shardId };
    subscriptions.push(subscription);
    const splitter = new MessageSplitter();
    const finish = (end: 'expired' | 'shard-end', last?: Buffer): void => {
      subscription.end = end;
      answered.destroy();
      response.end(last);
    };
    const sinceMs = Date.now();
    let passed = 0;
    const take = (message: Buffer): void => {
      if (subscription.end) return;
      const event = eventIn(message);
      if (event && event.Records.length > 0 && cutsNext && passed > 0) {
        cutsNext = false;
        subscription.end = 'cut';
        return void response.write(message.subarray(0, message.length / 2), () => response.socket?.resetAndDestroy());
      }
      const children = event?.Records.length === 0 ? options.childrenOf(shardId) : undefined;
      // The service has nothing more of the shard: an event without records comes once everything was sent.
      if (children) return finish('shard-end', eventMessage(lastEvent(children)));
      response.write(message);
      if (event) passed++;
      if (event && Date.now() - sinceMs >= options.lastsMs) finish('expired');
    };
    answered.on('data', (chunk: Buffer) => splitter.push(chunk).forEach(take));
    answered.on('end', () => response.end());
  };

  const server = createServer((request, response) => void passOn(request, response).catch(() => response.destroy()));
  const endpoint = `http://127.0.0.1:${await listen(server)}`;
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await close(server);
  };
  return { endpoint, subscriptions, cutNextEvent: () => void (cutsNext = true), stop };
}

function lastEvent(ChildShards: readonly object[]): JsonEvent {
  return { Records: [], MillisBehindLatest: 0, ChildShards };
}
