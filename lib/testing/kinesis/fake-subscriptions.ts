import { defer, filter, map, merge, NEVER, of, repeat, Subject, take, timer, type Observable, type SchedulerLike } from 'rxjs';
import type { ShardSubscription, SubscribeToShardEvent, SubscribeToShardRequest } from '../../kinesis/fan-out-port.js';
import type { GetShardIteratorRequest } from '../../kinesis/port.js';
import { isAtEnd, millisBehind, openShardAt, recordsFrom, RETENTION_MS, type OpenedShard } from './fake-answers.js';
import type { FakeConsumers } from './fake-consumers.js';
import { awsError } from './fake-errors.js';
import { childrenOf } from './fake-listing.js';
import type { FakeService } from './fake-service.js';

/** What subscriptions need beside the service. */
export interface FakeSubscriptionsOptions {
  readonly service: FakeService;
  readonly consumers: FakeConsumers;
  readonly scheduler: SchedulerLike;
  /** Script time, in ms. */
  readonly now: () => number;
}

/** The subscriptions of one fake. */
export class FakeSubscriptions {
  private readonly changes$ = new Subject<void>();
  private readonly open = new Map<string, FakeSubscription>();
  private readonly openedAtMs = new Map<string, number>();

  constructor(private readonly options: FakeSubscriptionsOptions) {}

  /** How many are open. */
  get size(): number {
    return this.open.size;
  }

  /** Answers SubscribeToShard. Throws the service's errors. @param silent - whether it never gives an event. */
  subscribe(request: SubscribeToShardRequest, nowMs: number, silent: boolean): ShardSubscription {
    const { service, consumers } = this.options;
    consumers.checkActive(request.ConsumerARN, nowMs);
    const opened = openShardAt(service, iteratorRequest(request), nowMs);
    const key = `${request.ConsumerARN} ${request.ShardId}`;
    if (nowMs < (this.openedAtMs.get(key) ?? -Infinity) + SPACING_MS)
      throw awsError('ResourceInUseException', 'Another active subscription exists for this consumer');
    this.openedAtMs.set(key, nowMs);
    // As Kinesis does, the new one takes over.
    this.open.get(key)?.end(awsError('ResourceInUseException'));
    const subscription: FakeSubscription = new FakeSubscription({
      ...this.options,
      opened,
      silent,
      changes$: this.changes$,
      closed: () => {
        if (this.open.get(key) === subscription) this.open.delete(key);
      },
    });
    this.open.set(key, subscription);
    return subscription;
  }

  /** Has those that wait for an event look again, since the script was changed. */
  noteChange(): void {
    this.changes$.next();
  }

  /** Ends all that are open, or those of one consumer: as Kinesis does after five minutes, or with an error. */
  endAll(error?: Error, consumerArn = ''): void {
    for (const [key, subscription] of [...this.open]) if (key.startsWith(consumerArn)) subscription.end(error);
  }
}

interface FakeSubscriptionOptions extends FakeSubscriptionsOptions {
  readonly opened: OpenedShard;
  readonly silent: boolean;
  readonly changes$: Observable<void>;
  readonly closed: () => void;
}

/** One subscription: gives an event when it is asked for one and records are there, or after a while without. */
class FakeSubscription implements ShardSubscription {
  private position: number;
  private readonly openedAtMs: number;
  private readonly ended$ = new Subject<void>();
  /** Set when it is over: `undefined` inside means that the service ended it. */
  private over: { readonly error: Error | undefined } | undefined;

  constructor(private readonly options: FakeSubscriptionOptions) {
    this.position = options.opened.position;
    this.openedAtMs = options.now();
  }

  next(): Observable<SubscribeToShardEvent | undefined> {
    const { now, changes$, scheduler, silent } = this.options;
    return defer(() => {
      const askedAtMs = now();
      const wait = (): Observable<unknown> => {
        const dueMs = this.dueMs(askedAtMs) - now();
        return merge(changes$, this.ended$, dueMs < Infinity ? timer(dueMs, scheduler) : NEVER).pipe(take(1));
      };
      return defer(() => of(this.look(askedAtMs))).pipe(
        repeat({ delay: wait }),
        filter((answer) => answer !== NOTHING_YET && (!silent || answer === undefined)),
        take(1),
        map((answer) => answer as SubscribeToShardEvent | undefined),
      );
    });
  }

  close(): void {
    this.end(undefined);
  }

  end(error: Error | undefined): void {
    if (this.over) return;
    this.over = { error };
    this.options.closed();
    this.ended$.next();
  }

  /** When the next look may find something. */
  private dueMs(askedAtMs: number): number {
    const { opened, service, silent } = this.options;
    const endsAtMs = this.openedAtMs + (service.script.subscriptionMs ?? SUBSCRIPTION_MS);
    if (silent) return endsAtMs;
    const arrivesAtMs = opened.stuck ? Infinity : (opened.shard.log[this.position]?.atMs ?? opened.shard.closedAtMs);
    return Math.min(endsAtMs, arrivesAtMs, askedAtMs + HEARTBEAT_MS);
  }

  private look(askedAtMs: number): SubscribeToShardEvent | typeof NOTHING_YET | undefined {
    const { now, service } = this.options;
    const nowMs = now();
    if (this.over?.error) throw this.over.error;
    if (this.over) return undefined;
    if (nowMs >= this.openedAtMs + (service.script.subscriptionMs ?? SUBSCRIPTION_MS)) {
      this.end(undefined);
      return undefined;
    }
    return this.eventAt(nowMs, nowMs >= askedAtMs + HEARTBEAT_MS);
  }

  private eventAt(nowMs: number, isDue: boolean): SubscribeToShardEvent | typeof NOTHING_YET {
    const { opened, service, silent } = this.options;
    const { shard, stuck, askedFor } = opened;
    if (silent) return NOTHING_YET;
    if (stuck) return isDue ? { Records: [], ContinuationSequenceNumber: askedFor ?? '0', MillisBehindLatest: RETENTION_MS } : NOTHING_YET;
    const start = Math.max(this.position, shard.horizonAt(nowMs));
    const { records, end } = recordsFrom(shard, start, nowMs, service.script.maxRecordsPerPage ?? Infinity);
    this.position = end;
    const atEnd = isAtEnd(service, shard, start, end, nowMs);
    if (records.length === 0 && !atEnd && !isDue) return NOTHING_YET;
    if (atEnd) this.end(undefined);
    const { script, stream } = service;
    return {
      Records: records,
      MillisBehindLatest: millisBehind(shard, end, nowMs),
      ...(!atEnd && { ContinuationSequenceNumber: shard.log[end - 1]?.record.sequenceNumber ?? '0' }),
      ...(atEnd && script.childShards !== false && { ChildShards: childrenOf(stream, shard.shardId, nowMs) }),
    };
  }
}

function iteratorRequest({ ShardId, StartingPosition: start }: SubscribeToShardRequest): GetShardIteratorRequest {
  return {
    StreamName: '',
    ShardId,
    ShardIteratorType: start.Type,
    ...('SequenceNumber' in start && { StartingSequenceNumber: start.SequenceNumber }),
    ...('Timestamp' in start && { Timestamp: start.Timestamp }),
  } as GetShardIteratorRequest;
}

const NOTHING_YET = Symbol('nothing yet');
/** SubscribeToShard: a subscription lasts up to five minutes. */
const SUBSCRIPTION_MS = 300_000;
/** SubscribeToShard: within 5 s of a successful call another one is refused. */
const SPACING_MS = 5_000;
/** How long an open subscription is silent while no record arrives. */
const HEARTBEAT_MS = 5_000;
