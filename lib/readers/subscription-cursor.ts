import { catchError, concatMap, defer, map, of, Subscription, tap, throwIfEmpty, type Observable } from 'rxjs';
import { nameOf } from '../internal/aws-errors.js';
import { reduced } from '../internal/aws-fault.js';
import { answeredWithin } from '../internal/request-timeout.js';
import { SteadyClock } from '../internal/steady-clock.js';
import { checkedEvent, checkedSubscription } from '../kinesis/checked-fan-out-answers.js';
import { ShardReadError } from '../kinesis/errors.js';
import type { FanOutPort, ShardSubscription, StartingPosition, SubscribeToShardEvent } from '../kinesis/fan-out-port.js';
import { findShard } from '../kinesis/listShards.js';
import { retryFaults } from '../kinesis/retry.js';
import type { ShardSubscribedEvent } from '../monitoring/events.js';
import { compareSequenceNumbers } from '../values/position.js';
import { EndCheck } from './end-check.js';
import { endsNearTheHorizon, FOREIGN, PageContinuity, REOPEN } from './page-continuity.js';
import { bytesOf, type ReadContext, type ReadStart, type ShardPage } from './reader.js';
import { afterRefusal, foreignStart, GONE, NOTHING_LEFT } from './refused-start.js';
import { ConsumerUnavailableError, type StreamConsumer } from './stream-consumer.js';

/** What a {@link SubscriptionCursor} reads with. */
export interface SubscriptionCursorOptions {
  readonly context: ReadContext;
  readonly start: ReadStart;
  readonly port: FanOutPort;
  readonly consumer: StreamConsumer;
  /** How long an open subscription may be silent while an event is asked for, in ms. */
  readonly idleTimeoutMs: number;
}

/**
 * Reads a shard with SubscribeToShard: keeps the subscription and, when it has ended, opens another one where reading stands.
 *
 * @remarks
 * {@link PageContinuity} knows where reading stands, and what was trimmed. A subscription that follows the last event within five minutes begins after its
 * continuation number, which takes the part of an iterator; any other one begins at the last record, so that a gap shows.
 */
export class SubscriptionCursor {
  readonly #options: SubscriptionCursorOptions;
  readonly #continuity: PageContinuity;
  readonly #endCheck: EndCheck;
  readonly #clock = new SteadyClock();
  #subscription: ShardSubscription | undefined;
  /** Whether the open subscription has given an event. */
  #isProductive = false;
  /** Where the last event ended, unless a later subscription must begin at the last record. */
  #continuation: string | undefined;
  /** When the last event was taken: not when its subscription was closed, since one that has ended may go unnoticed while nobody takes events. */
  #takenAtMs = 0;
  /** Forgets the continuation number of a subscription that ended long ago. */
  #aging = Subscription.EMPTY;
  #reason: ShardSubscribedEvent['reason'] = 'started';
  /** Whether, since the last subscription, a call did not find the shard or the consumer, although the shard is listed. */
  #wasNotFound = false;

  constructor(options: SubscriptionCursorOptions) {
    this.#options = options;
    this.#continuity = new PageContinuity(options.context, options.start);
    this.#endCheck = new EndCheck(options.context, this.#continuity);
  }

  /** Where reading stands. */
  get start(): ReadStart {
    return this.#continuity.standing;
  }

  /** Emits the next page, once: takes an event from the subscription, which it opens where there is none. Retries faults that pass. */
  read(): Observable<ShardPage> {
    const { retry, notify } = this.#options.context;
    return defer(() => (this.#subscription ? of(this.#subscription) : this.#open())).pipe(
      concatMap((subscription) => (subscription === GONE ? of(NOTHING_LEFT) : this.#nextPage(subscription))),
      retryFaults(retry, (notice) => notify({ type: 'readRetry', ...this.#shard(), ...notice })),
    );
  }

  /** Ends the subscription, since nobody takes its events for now; the next read opens another one. */
  pause(): void {
    if (this.#subscription) this.#close('paused');
  }

  /** Ends the subscription for good. */
  dispose(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#aging.unsubscribe();
  }

  #nextPage(subscription: ShardSubscription): Observable<ShardPage> {
    const { context, idleTimeoutMs } = this.#options;
    return defer(() => subscription.next()).pipe(
      reduced(),
      answeredWithin(idleTimeoutMs, 'the next event of SubscribeToShard', context.scheduler),
      // No verdict of the service, as in `watchedCalls`: another subscription replaces this one.
      throwIfEmpty(() => new TypeError('the next event of SubscribeToShard was answered with nothing')),
      catchError((error: unknown) => this.#broken(error)),
      concatMap((answer) => (answer ? this.#take(answer) : this.#ended())),
    );
  }

  #take(answer: SubscribeToShardEvent): Observable<ShardPage> {
    return defer(() => {
      const event = checkedEvent(answer, this.#shard());
      // Reading moves on only once it is known whether the shard has ended: after a fault before that, the event is read again.
      const ended$ = event.ContinuationSequenceNumber === undefined ? this.#endCheck.hasEnded(event, this.#subscription) : of(false);
      return ended$.pipe(concatMap((ended) => this.#accept(event, ended)));
    }).pipe(tap({ error: () => this.#close('failed') }));
  }

  #accept(event: SubscribeToShardEvent, ended: boolean): Observable<ShardPage> {
    const { ContinuationSequenceNumber: continuation, MillisBehindLatest: millisBehindLatest, ChildShards: childShards = [] } = event;
    if (this.#continuity.goesBack(event) || this.#goesBackTo(continuation)) {
      this.#forgetContinuation();
      throw new ShardReadError('SubscribeToShard gave records again that it had given', { ...this.#shard(), retriable: true });
    }
    const accepted = this.#continuity.accept(event, ended);
    if (accepted === FOREIGN) return foreignStart(this.#continuity, this.#options.context);
    const bytes = bytesOf(event.Records);
    this.#isProductive = true;
    this.#takenAtMs = this.#clock.now(this.#options.context.scheduler);
    if (accepted === REOPEN) {
      this.#close('checked');
      this.#continuation = undefined;
      return of({ records: [], bytes, millisBehindLatest, ended: false, childShards: [] });
    }
    this.#continuation = endsNearTheHorizon(event, accepted) ? undefined : continuation;
    return of({ records: accepted, bytes, millisBehindLatest, ended, childShards });
  }

  /** Whether a continuation number lies before that of an earlier event. */
  #goesBackTo(continuation: string | undefined): boolean {
    return continuation !== undefined && this.#continuation !== undefined && compareSequenceNumbers(continuation, this.#continuation) < 0;
  }

  /** The service has ended the subscription, as it does after five minutes: the next one continues at once. */
  #ended(): Observable<ShardPage> {
    const wasProductive = this.#isProductive;
    this.#close(wasProductive ? 'expired' : 'failed');
    if (!wasProductive) throw new ShardReadError('a subscription ended without an event', { ...this.#shard(), retriable: true });
    return this.#open().pipe(concatMap((subscription) => (subscription === GONE ? of(NOTHING_LEFT) : this.#nextPage(subscription))));
  }

  /** Ends a subscription that has failed, so that the retry opens another one. */
  #broken(error: unknown): Observable<never> {
    this.#close('failed');
    const name = nameOf(error);
    // Another subscription has taken over. The next one takes over in turn if this worker still has the shard.
    if (name === 'ResourceInUseException') this.#options.consumer.noteCall(this.#options.context.shardId, true);
    // Whether it is the consumer, the stream or the shard that is gone shows when the shard is subscribed again.
    if (name === 'ResourceNotFoundException')
      throw new ShardReadError('a subscription ended with ResourceNotFoundException', { ...this.#shard(), retriable: true, cause: error });
    throw error;
  }

  #close(reason: ShardSubscribedEvent['reason']): void {
    const { scheduler } = this.#options.context;
    if (!this.#subscription) return;
    this.#subscription.close();
    this.#subscription = undefined;
    this.#reason = reason;
    this.#aging = scheduler.schedule(() => this.#forgetContinuation(), FRESH_MS);
  }

  #forgetContinuation(): void {
    this.#continuation = undefined;
    this.#continuity.expired();
  }

  #open(): Observable<ShardSubscription | typeof GONE> {
    const { consumer, context } = this.#options;
    return consumer.arn(context).pipe(concatMap((arn) => consumer.whenDue(context.shardId).pipe(concatMap(() => this.#subscribe(arn)))));
  }

  #subscribe(ConsumerARN: string): Observable<ShardSubscription | typeof GONE> {
    const { consumer, context, port } = this.#options;
    const { shardId, scheduler, watched, notify } = context;
    // Timers do not run while the machine sleeps, and a clock may be set back: whichever says that the number is old is believed.
    if (this.#continuation !== undefined && this.#clock.now(scheduler) - this.#takenAtMs > FRESH_MS) this.#forgetContinuation();
    const { start } = this.#continuity;
    const continuation = this.#continuation;
    const StartingPosition = continuation === undefined ? positionOf(start) : after(continuation);
    const askedAt = continuation === undefined && start.type === 'AT_TIMESTAMP' ? start.timestamp : undefined;
    consumer.noteCall(shardId, false);
    return watched('SubscribeToShard', () => port.subscribeToShard({ ConsumerARN, ShardId: shardId, StartingPosition })).pipe(
      map((answer) => {
        this.#subscription = checkedSubscription(answer, this.#shard());
        this.#aging.unsubscribe();
        this.#isProductive = false;
        this.#wasNotFound = false;
        if (continuation === undefined) this.#continuity.opened();
        consumer.noteCall(shardId, true);
        notify({ type: 'shardSubscribed', ...this.#shard(), reason: this.#reason });
        return this.#subscription;
      }),
      catchError((error: unknown) => this.#refused(error, ConsumerARN, askedAt)),
    );
  }

  #refused(error: unknown, ConsumerARN: string, askedAt: Date | undefined): Observable<ShardSubscription | typeof GONE> {
    const { consumer, context } = this.#options;
    switch (nameOf(error)) {
      case 'ResourceInUseException':
        consumer.noteCall(context.shardId, true);
        throw error;
      case 'AccessDeniedException':
        throw new ConsumerUnavailableError('the credentials may not subscribe (AccessDeniedException)', {
          ...this.#shard(),
          retriable: false,
          cause: error,
        });
      case 'InvalidArgumentException':
        return this.#startRefused(error, askedAt);
      case 'ResourceNotFoundException':
        return consumer.isActive(ConsumerARN, context).pipe(
          concatMap((isActive) => {
            if (isActive === false) return this.#consumerGone(error, ConsumerARN);
            return this.#startRefused(error, askedAt, isActive);
          }),
        );
      default:
        throw error;
    }
  }

  #consumerGone(error: unknown, ConsumerARN: string): Observable<never> {
    this.#options.consumer.forget(ConsumerARN);
    // Perhaps the stream was made again: a number of the old one would pass the new one's records in silence.
    this.#forgetContinuation();
    throw new ShardReadError("the stream's consumer is gone", { ...this.#shard(), retriable: true, cause: error });
  }

  /** @param isActive - whether the consumer was seen to be active. */
  #startRefused(error: unknown, askedAt: Date | undefined, isActive = false): Observable<ShardSubscription | typeof GONE> {
    const { context } = this.#options;
    if (this.#continuation !== undefined) {
      this.#forgetContinuation();
      return this.#open();
    }
    return this.#retryIfListed(error, isActive).pipe(
      concatMap(() => afterRefusal({ error, askedAt, continuity: this.#continuity, context })),
      concatMap((next) => (next === GONE ? of(GONE) : this.#open())),
    );
  }

  /** Errors, retriable, when only the shard or the consumer can be what was not found, and the shard is listed. */
  #retryIfListed(error: unknown, isActive: boolean): Observable<unknown> {
    const { position, looksAtOldest } = this.#continuity;
    if (nameOf(error) !== 'ResourceNotFoundException' || (position && !looksAtOldest)) return of(0);
    const { port, stream, shardId } = this.#options.context;
    return findShard(port, stream.id, shardId).pipe(tap((shard) => shard && this.#notFound(error, isActive)));
  }

  /** What was just made is not known everywhere at once. So a consumer that may not be looked up counts as gone only at the second such answer in a row. */
  #notFound(error: unknown, isActive: boolean): never {
    const isGone = this.#wasNotFound && !isActive;
    this.#wasNotFound = true;
    const fields = { ...this.#shard(), retriable: true, cause: error };
    const message = 'SubscribeToShard does not find the shard (ResourceNotFoundException), which is listed';
    if (isGone) throw new ConsumerUnavailableError(`${message}, or the consumer, which may not be looked up`, fields);
    throw new ShardReadError(message, fields);
  }

  #shard(): { streamName: string; shardId: string } {
    const { stream, shardId } = this.#options.context;
    return { streamName: stream.streamName, shardId };
  }
}

/** A record lives for a day at least, so none that had not yet been read is trimmed between two subscriptions that follow each other this soon. */
const FRESH_MS = 300_000;

function after(SequenceNumber: string): StartingPosition {
  return { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber };
}

function positionOf(start: ReadStart): StartingPosition {
  if (start.type === 'TRIM_HORIZON') return { Type: 'TRIM_HORIZON' };
  if (start.type === 'AT_TIMESTAMP') return { Type: 'AT_TIMESTAMP', Timestamp: start.timestamp };
  // Also for AFTER: if the record itself comes again, it has not been trimmed, and it brings the rest of its aggregate.
  return { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: start.position.sequenceNumber };
}
