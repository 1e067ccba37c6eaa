import {
  catchError,
  concatMap,
  defer,
  filter,
  map,
  of,
  repeat,
  ReplaySubject,
  share,
  take,
  tap,
  throwError,
  timeout,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { nameOf } from '../internal/aws-errors.js';
import { delayOf, MAX_TIMER_MS } from '../internal/delay.js';
import { SteadyClock } from '../internal/steady-clock.js';
import { checkedConsumer, checkedStreamArn } from '../kinesis/checked-fan-out-answers.js';
import { classify } from '../kinesis/classify.js';
import { ShardReadError } from '../kinesis/errors.js';
import type { FanOutPort, PortConsumer } from '../kinesis/fan-out-port.js';
import { isRxKinesisError } from '../values/errors.js';
import type { ReadContext } from './reader.js';

/** There is no consumer to subscribe with: it cannot be registered or looked up, is gone, or may not subscribe. */
export class ConsumerUnavailableError extends ShardReadError {
  // Only `fanOut` tells it from others.
  override readonly name = 'ShardReadError';
}

/** The consumer that fan-out reads with. */
export type ConsumerId = { readonly consumerName: string } | { readonly consumerArn: string };

/** What a {@link StreamConsumer} needs. */
export interface StreamConsumerOptions {
  readonly consumer: ConsumerId;
  /** How long to wait for it to become active, in ms. */
  readonly consumerTimeoutMs: number;
  /** Whether another reader takes over when it is not active in time, so that nobody waits for it again. */
  readonly hasFallback: boolean;
  readonly port: FanOutPort;
  readonly scheduler: SchedulerLike;
}

/**
 * The consumer with which the shards of one stream are subscribed: looks it up, registers it if it has only a name and is not there, waits until it is
 * active, and spaces the subscriptions of each shard.
 *
 * @remarks
 * Many shards share one look-up, and its result is kept until {@link forget}. Sources of the limits: RegisterStreamConsumer, DescribeStreamConsumer
 * and SubscribeToShard in the API reference.
 */
export class StreamConsumer {
  readonly #options: StreamConsumerOptions;
  readonly #clock = new SteadyClock();
  /** When a shard may be subscribed again. The oldest first; only those that lie ahead. */
  readonly #dueMs = new Map<string, number>();
  #arn$: Observable<string> | undefined;
  /** What the last look-up found. */
  #found: string | undefined;

  constructor(options: StreamConsumerOptions) {
    this.#options = options;
  }

  /** Emits the ARN once, when the consumer is active. @param context - the one to tell of the look-up, if this begins it. */
  arn(context: ReadContext): Observable<string> {
    return defer(() => {
      // Whoever asks after a look-up that has failed or was left begins one of its own.
      const drop = (): void => void (this.#arn$ = undefined);
      this.#arn$ ??= this.#lookUp(context).pipe(
        tap({ next: (found) => (this.#found = found), error: drop, unsubscribe: drop }),
        share({ connector: () => new ReplaySubject(1), resetOnComplete: false }),
      );
      return this.#arn$;
    });
  }

  /** Has the next {@link arn} look the consumer up again, since the one with this ARN is gone; unless a later look-up has found another. */
  forget(gone: string): void {
    if (gone === this.#found) this.#arn$ = undefined;
  }

  /** Emits whether the consumer is there and active; `undefined` without the permission to look. */
  isActive(ConsumerARN: string, context: ReadContext): Observable<boolean | undefined> {
    const { port } = this.#options;
    return this.#watched('DescribeStreamConsumer', context, () => port.describeStreamConsumer({ ConsumerARN })).pipe(
      map(({ ConsumerStatus }) => ConsumerStatus === ACTIVE),
      catchError((error: unknown) => {
        const name = nameOf(error);
        if (name === 'ResourceNotFoundException') return of(false);
        return name === 'AccessDeniedException' ? of(undefined) : throwError(() => error);
      }),
    );
  }

  /** Emits when a shard may be subscribed. */
  whenDue(shardId: string): Observable<unknown> {
    const { scheduler } = this.#options;
    return defer(() => delayOf((this.#dueMs.get(shardId) ?? 0) - this.#clock.now(scheduler), scheduler));
  }

  /** Notes that SubscribeToShard was called for a shard, or that it succeeded, so that the next call waits. */
  noteCall(shardId: string, succeeded: boolean): void {
    const nowMs = this.#clock.now(this.#options.scheduler);
    this.#dueMs.delete(shardId);
    this.#dueMs.set(shardId, nowMs + (succeeded ? SUBSCRIPTION_SPACING_MS : CALL_SPACING_MS));
    for (const [shard, dueMs] of this.#dueMs) if (dueMs <= nowMs) this.#dueMs.delete(shard);
  }

  #lookUp(context: ReadContext): Observable<string> {
    const { consumer } = this.#options;
    const found$ = 'consumerArn' in consumer ? this.#given(consumer.consumerArn, context) : this.#named(consumer.consumerName, context);
    return found$.pipe(
      catchError((error: unknown) => {
        if (isRxKinesisError(error)) throw error;
        const { streamName } = context.stream;
        const name = nameOf(error) || 'unknown error';
        const isGone = name === 'ResourceNotFoundException';
        const message = `${isGone ? 'the stream or its consumer is not there' : "the stream's consumer cannot be used"} (${name})`;
        throw new ConsumerUnavailableError(message, { streamName, retriable: classify(error) !== 'fatal', cause: error });
      }),
    );
  }

  /** Credentials that may subscribe with a given consumer may perhaps not look it up. */
  #given(ConsumerARN: string, context: ReadContext): Observable<string> {
    const { port } = this.#options;
    const look$ = this.#watched('DescribeStreamConsumer', context, () => port.describeStreamConsumer({ ConsumerARN }));
    return this.#untilActive(look$, context).pipe(
      catchError((error: unknown) => (nameOf(error) === 'AccessDeniedException' ? of(ConsumerARN) : throwError(() => error))),
    );
  }

  #named(ConsumerName: string, context: ReadContext): Observable<string> {
    const { port } = this.#options;
    return this.#streamArn(context).pipe(
      concatMap((StreamARN) => {
        const found$ = this.#watched('DescribeStreamConsumer', context, () => port.describeStreamConsumer({ StreamARN, ConsumerName }));
        const register$ = this.#watched('RegisterStreamConsumer', context, () =>
          port.registerStreamConsumer({ StreamARN, ConsumerName }),
        ).pipe(
          tap(() => tell(context, { type: 'consumerRegistered', consumerName: ConsumerName })),
          // Another worker was faster: the next look finds it.
          catchError((error: unknown) => (nameOf(error) === 'ResourceInUseException' ? of(NOT_YET) : throwError(() => error))),
        );
        const look$ = found$.pipe(
          catchError((error: unknown) => (nameOf(error) === 'ResourceNotFoundException' ? register$ : throwError(() => error))),
        );
        return this.#untilActive(look$, context);
      }),
    );
  }

  #streamArn(context: ReadContext): Observable<string> {
    const { port } = this.#options;
    const { id, streamName } = context.stream;
    if (id.StreamARN !== undefined) return of(id.StreamARN);
    const summary$ = context.watched('DescribeStreamSummary', () => port.describeStreamSummary(id));
    return summary$.pipe(map((answer) => checkedStreamArn(answer, { streamName })));
  }

  #untilActive(look$: Observable<PortConsumer>, context: ReadContext): Observable<string> {
    const { consumerTimeoutMs, hasFallback } = this.#options;
    const { scheduler, stream } = context;
    const startMs = scheduler.now();
    const tellPending = ({ ConsumerStatus: status }: PortConsumer): void => {
      if (status !== ACTIVE) tell(context, { type: 'consumerAwaited', status, waitedMs: scheduler.now() - startMs });
    };
    const { streamName } = stream;
    const message = `the stream's consumer is not active after ${consumerTimeoutMs} ms`;
    return look$.pipe(
      tap(tellPending),
      repeat({ delay: () => delayOf(LOOK_AGAIN_MS, scheduler) }),
      filter(({ ConsumerStatus }) => ConsumerStatus === ACTIVE),
      take(1),
      map(({ ConsumerARN }) => ConsumerARN),
      timeout({
        first: Math.min(consumerTimeoutMs, MAX_TIMER_MS),
        scheduler,
        with: () => throwError(() => new ConsumerUnavailableError(message, { streamName, retriable: !hasFallback })),
      }),
    );
  }

  #watched(name: string, context: ReadContext, call: () => Observable<PortConsumer>): Observable<PortConsumer> {
    const { streamName } = context.stream;
    return context.watched(name, call).pipe(map((answer) => checkedConsumer(answer, name, { streamName })));
  }
}

function tell({ notify, stream }: ReadContext, event: ConsumerNews): void {
  notify({ ...event, streamName: stream.streamName });
}

type ConsumerNews =
  | { readonly type: 'consumerRegistered'; readonly consumerName: string }
  | { readonly type: 'consumerAwaited'; readonly status: string; readonly waitedMs: number };

const ACTIVE = 'ACTIVE';
const NOT_YET: PortConsumer = { ConsumerARN: '', ConsumerStatus: 'CREATING' };
/** DescribeStreamConsumer may be called 20 times a second and stream, by all workers together. */
const LOOK_AGAIN_MS = 1_000;
/** SubscribeToShard may be called once a second for each consumer and shard. */
const CALL_SPACING_MS = 1_000;
/** Within 5 s of a successful call another one gets a ResourceInUseException. */
const SUBSCRIPTION_SPACING_MS = 5_000;
