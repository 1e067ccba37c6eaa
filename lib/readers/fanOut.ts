import { catchError, concatMap, defer, EMPTY, finalize, ignoreElements, merge, repeat, take, tap, throwError, type Observable } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { assertFunction, assertKnownFields, assertNumber, notCalled } from '../internal/validate.js';
import type { FanOutPort } from '../kinesis/fan-out-port.js';
import type { ResolvedStream } from '../kinesis/stream-id.js';
import { fanOutPortOf } from '../kinesis/sdk-fan-out-port.js';
import { InvalidConfigError } from '../values/errors.js';
import { shown } from '../values/shown.js';
import { polling } from './polling.js';
import { assertIsCalled, type ReadContext, type Reader, type ShardPage } from './reader.js';
import { ConsumerUnavailableError, StreamConsumer, type ConsumerId } from './stream-consumer.js';
import { SubscriptionCursor } from './subscription-cursor.js';

/** How {@link fanOut} reads. Give exactly one of `consumerName` and `consumerArn`. */
export interface FanOutConfig {
  /**
   * The name of the consumer: one for each application that reads the stream. 1 to 128 letters, digits, `_`, `.` and `-`. It is registered if the stream
   * has no such consumer, and never deregistered.
   */
  readonly consumerName?: string | undefined;
  /** The ARN of a consumer of the stream that somebody else has registered. */
  readonly consumerArn?: string | undefined;
  /** Reads a shard when there is no consumer to subscribe with, for example `polling()`. @defaultValue the shard errors */
  readonly fallback?: Reader | undefined;
  /**
   * How long to wait for the consumer to become active, in ms; then the `fallback` reads. Without one, the wait is repeated as `retry` of the source
   * says. From 1 up. @defaultValue 60_000
   */
  readonly consumerTimeoutMs?: number | undefined;
  /**
   * How long an open subscription may be silent before another one replaces it, in ms. From 1 up. Kinesis sends an event every few seconds, also
   * without records. @defaultValue 30_000
   */
  readonly idleTimeoutMs?: number | undefined;
  /** How long a subscription stays open while the shard has no credit, in ms. From 0 up; `Infinity` for no limit. @defaultValue 10_000 */
  readonly maxPauseMs?: number | undefined;
}

/**
 * Reads shards by enhanced fan-out, with SubscribeToShard: Kinesis pushes records as they arrive, 2 MiB a second and shard for this consumer alone.
 *
 * @remarks
 * No record is lost or repeated where one subscription follows another: Kinesis ends each after five minutes, and the next begins after the last
 * one's continuation number. An event is taken only when the shard has credit, so at most one event above the credit is in memory; a subscription whose
 * events nobody takes for `maxPauseMs` is ended, and another one is opened when there is credit again. Subscriptions of a shard are at least 5 s apart.
 * A subscription that breaks, or is silent for `idleTimeoutMs`, is replaced and counts as a retry. The end of a shard is confirmed by the
 * list of shards, as in `polling`. Unsubscribing ends the subscription. Does not use the read budget: only re-reads of ranges do.
 *
 * The consumer is looked up once for all shards. Workers of one application give the same name.
 *
 * Errors with a `ShardReadError` when the consumer can be neither found nor registered, is not active in time, or may not subscribe, unless there is a
 * `fallback`, which then reads the shard from there on and emits a `readerFellBack` event; with an `InvalidConfigError` when `consumerArn` is of
 * another stream.
 *
 * @throws InvalidConfigError when called with a config that cannot work.
 *
 * @example
 * ```ts
 * kinesisStream({ client, streamName: 'flights', startFrom: 'LATEST', reader: fanOut({ consumerName: 'flights-app' }) });
 * ```
 */
export function fanOut(config: FanOutConfig): Reader {
  const { fallback, consumerTimeoutMs, idleTimeoutMs, maxPauseMs, ...consumer } = checked(config);
  const consumers = new WeakMap<object, Map<string, StreamConsumer>>();

  const consumerOf = (context: ReadContext, port: FanOutPort): StreamConsumer => {
    const ofClient = consumers.get(context.client) ?? new Map<string, StreamConsumer>();
    consumers.set(context.client, ofClient);
    const key = context.stream.id.StreamARN ?? context.stream.streamName;
    const known =
      ofClient.get(key) ??
      new StreamConsumer({ consumer, consumerTimeoutMs, hasFallback: fallback !== undefined, port, scheduler: context.scheduler });
    ofClient.set(key, known);
    return known;
  };

  return (context, start, credit) =>
    defer(() => {
      assertOwn(consumer, context.stream);
      const port = fanOutPortOf(context.client);
      const cursor = new SubscriptionCursor({ context, start, port, consumer: consumerOf(context, port), idleTimeoutMs });
      const fallBack = (error: unknown): Observable<ShardPage> => {
        if (!fallback || !(error instanceof ConsumerUnavailableError)) return throwError(() => error);
        context.notify({ type: 'readerFellBack', streamName: context.stream.streamName, shardId: context.shardId, error });
        return fallback(context, cursor.start, credit);
      };
      return pagesOf(cursor, { context, credit, maxPauseMs }).pipe(
        catchError(fallBack),
        finalize(() => cursor.dispose()),
      );
    });
}

/** Refuses the consumer of another stream: a subscription names no stream, and the other's shards have the same ids. @throws InvalidConfigError */
function assertOwn(consumer: ConsumerId, { streamName, id }: ResolvedStream): void {
  if (!('consumerArn' in consumer)) return;
  const [stream] = consumer.consumerArn.split('/consumer/');
  if (id.StreamARN === undefined ? stream?.endsWith(`:stream/${streamName}`) : stream === id.StreamARN) return;
  throw new InvalidConfigError(`consumerArn: expected a consumer of ${id.StreamARN ?? streamName}, got ${consumer.consumerArn}`);
}

/** Reads page after page as there is credit for them. A subscription does not stay open for long without credit. */
function pagesOf(
  cursor: SubscriptionCursor,
  { context, credit, maxPauseMs }: { readonly context: ReadContext; readonly credit: Observable<number>; readonly maxPauseMs: number },
): Observable<ShardPage> {
  const { scheduler } = context;
  let hasEnded = false;
  const pause$ = delayOf(maxPauseMs, scheduler).pipe(
    tap(() => cursor.pause()),
    ignoreElements(),
  );
  return merge(credit, pause$).pipe(
    take(1),
    concatMap(() => cursor.read()),
    tap(({ ended }) => (hasEnded = ended)),
    // Through the scheduler, so that a service that answers synchronously does not grow the stack.
    repeat({ delay: () => (hasEnded ? EMPTY : delayOf(0, scheduler)) }),
  );
}

/** ConsumerName in the API reference of RegisterStreamConsumer. */
const CONSUMER_NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
/** ConsumerARN in the API reference of SubscribeToShard. */
const CONSUMER_ARN = /^arn:aws[^:]*:kinesis:[^:]*:\d{12}:stream\/[a-zA-Z0-9_.-]{1,128}\/consumer\/[a-zA-Z0-9_.-]{1,128}:\d+$/;

/** A {@link FanOutConfig} with its defaults. */
type CheckedConfig = ConsumerId &
  Required<Omit<FanOutConfig, 'consumerArn' | 'consumerName' | 'fallback'>> &
  Pick<FanOutConfig, 'fallback'>;

/** Checks the config, and fills in the defaults. @throws InvalidConfigError */
function checked(config: FanOutConfig): CheckedConfig {
  assertIsCalled('fanOut({ consumerName })', fanOut, config);
  assertKnownFields(config, {
    consumerName: true,
    consumerArn: true,
    fallback: true,
    consumerTimeoutMs: true,
    idleTimeoutMs: true,
    maxPauseMs: true,
  });
  const { fallback, consumerTimeoutMs = 60_000, idleTimeoutMs = 30_000, maxPauseMs = 10_000 } = config;
  if (fallback !== undefined) assertReader(fallback);
  assertNumber('consumerTimeoutMs', consumerTimeoutMs, 1);
  assertNumber('idleTimeoutMs', idleTimeoutMs, 1);
  assertNumber('maxPauseMs', maxPauseMs, 0, true);
  return { ...consumerIn(config), ...(fallback && { fallback }), consumerTimeoutMs, idleTimeoutMs, maxPauseMs };
}

/** Refuses also a function that makes readers and is not called, which would show only when there is no consumer. */
function assertReader(fallback: unknown): void {
  assertFunction('fallback', fallback);
  if (fallback === polling) throw notCalled('fallback', 'polling()', polling);
  if (fallback === fanOut) throw notCalled('fallback', 'fanOut({ consumerName })', fanOut);
}

function consumerIn({ consumerName, consumerArn }: FanOutConfig): ConsumerId {
  if ((consumerName === undefined) === (consumerArn === undefined))
    throw new InvalidConfigError('fanOut: expected either consumerName or consumerArn');
  if (consumerArn !== undefined) {
    if (typeof consumerArn === 'string' && CONSUMER_ARN.test(consumerArn)) return { consumerArn };
    throw new InvalidConfigError(`consumerArn: expected the ARN of a stream's consumer, got ${shown(consumerArn)}`);
  }
  if (typeof consumerName === 'string' && CONSUMER_NAME.test(consumerName)) return { consumerName };
  throw new InvalidConfigError(`consumerName: expected 1 to 128 letters, digits, '_', '.' or '-', got ${shown(consumerName)}`);
}
