import {
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
} from '@aws-sdk/client-kinesis';
import { map, Observable } from 'rxjs';
import { reducedFault } from '../internal/aws-fault.js';
import { fromAbortable } from '../internal/fromAbortable.js';
import { InvalidConfigError } from '../values/errors.js';
import type { FanOutPort, PortConsumer, ShardSubscription, StreamSummary, SubscribeToShardEvent } from './fan-out-port.js';
import type { KinesisPort } from './port.js';
import type { KinesisClientLike } from './sdk-port.js';

/** The commands of one version of the SDK. */
export interface FanOutCommands {
  readonly DescribeStreamConsumerCommand: new (request: never) => object;
  readonly DescribeStreamSummaryCommand: new (request: never) => object;
  readonly RegisterStreamConsumerCommand: new (request: never) => object;
  readonly SubscribeToShardCommand: new (request: never) => object;
}

/** Returns the calls of fan-out of a client, or of a port that has them. @throws InvalidConfigError for a port that has not */
export function fanOutPortOf(client: KinesisClientLike | KinesisPort | (KinesisPort & FanOutPort)): FanOutPort {
  if (typeof (client as Partial<FanOutPort>).subscribeToShard === 'function') return client as FanOutPort;
  if (typeof (client as Partial<KinesisClientLike>).send === 'function') return sdkFanOutPort(client as KinesisClientLike, SDK);
  throw new InvalidConfigError('client: for fanOut expected a KinesisClient, or a KinesisPort that is a FanOutPort too');
}

const SDK: FanOutCommands = {
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
};

/** Makes the calls with a client, and the commands of its version of the SDK. */
export function sdkFanOutPort(client: KinesisClientLike, sdk: FanOutCommands): FanOutPort {
  const send = <R>(command: object): Observable<R> => fromAbortable((abortSignal) => client.send(command, { abortSignal }) as Promise<R>);
  // The answers are not checked here: readers check them.
  return {
    describeStreamSummary: (request) =>
      send<{ readonly StreamDescriptionSummary: StreamSummary } | undefined>(new sdk.DescribeStreamSummaryCommand(request as never)).pipe(
        map((answer) => answer?.StreamDescriptionSummary as StreamSummary),
      ),
    describeStreamConsumer: (request) =>
      send<{ readonly ConsumerDescription: PortConsumer } | undefined>(new sdk.DescribeStreamConsumerCommand(request as never)).pipe(
        map((answer) => answer?.ConsumerDescription as PortConsumer),
      ),
    registerStreamConsumer: (request) =>
      send<{ readonly Consumer: PortConsumer } | undefined>(new sdk.RegisterStreamConsumerCommand(request as never)).pipe(
        map((answer) => answer?.Consumer as PortConsumer),
      ),
    subscribeToShard: (request) => subscribe(client, () => new sdk.SubscribeToShardCommand(request as never)),
  };
}

/** A member of the SDK's event stream. */
interface StreamMember {
  readonly SubscribeToShardEvent?: SubscribeToShardEvent;
}

/**
 * Makes the call. Its signal lives as long as the subscription: to abort it is the only way to end the connection, since the SDK's
 * iterators do not pass `return` on to it.
 */
function subscribe(client: KinesisClientLike, command: () => object): Observable<ShardSubscription> {
  return new Observable<ShardSubscription>((subscriber) => {
    const controller = new AbortController();
    let isHandedOver = false;
    subscriber.add(() => {
      if (!isHandedOver) controller.abort();
    });
    const taken = client.send(command(), { abortSignal: controller.signal }).then((answer) => {
      if (subscriber.closed) return;
      const { EventStream } = (answer ?? {}) as { readonly EventStream?: AsyncIterable<StreamMember> };
      const subscription = new EventStreamSubscription(EventStream, controller);
      isHandedOver = true;
      subscriber.next(subscription);
      subscriber.complete();
    });
    taken.catch((error: unknown) => subscriber.error(reducedFault(error)));
  });
}

/** Takes events from the SDK's iterator only when they are asked for, so that a slow reader slows the connection down. */
class EventStreamSubscription implements ShardSubscription {
  readonly #iterator: AsyncIterator<StreamMember> | undefined;
  readonly #controller: AbortController;

  constructor(stream: AsyncIterable<StreamMember> | undefined, controller: AbortController) {
    this.#iterator = stream?.[Symbol.asyncIterator]?.();
    this.#controller = controller;
  }

  next(): Observable<SubscribeToShardEvent | undefined> {
    return new Observable((subscriber) => {
      const take = (): void => {
        // An answer without an event stream errors like one whose stream breaks.
        if (!this.#iterator) return subscriber.error(new TypeError('SubscribeToShard was answered without EventStream'));
        const taken = this.#iterator.next().then(({ done, value }) => {
          if (subscriber.closed) return;
          const event = done ? undefined : value.SubscribeToShardEvent;
          // The initial response, or a kind of event that is not known: the next one may be records.
          if (!done && !event) return take();
          subscriber.next(event);
          subscriber.complete();
        });
        // Also what is no event at all, as a client made by hand may give.
        taken.catch((error: unknown) => subscriber.error(reducedFault(error)));
      };
      take();
    });
  }

  close(): void {
    this.#controller.abort();
  }
}
