import { noop, Observable, type Subscriber } from 'rxjs';
import { firstThen } from '../internal/first-then.js';
import type { EndKind } from '../internal/on-end.js';
import { subscribeWithin, type Handlers } from '../internal/subscribe-within.js';
import type { PortChildShard } from '../kinesis/port.js';
import { shardReadError } from '../kinesis/shardReadError.js';
import { readContext } from '../readers/config.js';
import { isTakenAsItIs, type ReadStart, type ShardPage } from '../readers/reader.js';
import { creditOf } from '../tracking/creditOf.js';
import { deliverPage } from '../tracking/deliverPage.js';
import { bindTrackedShard, type TrackedShard } from '../tracking/tracked-shard.js';
import { InvalidConfigError } from '../values/errors.js';
import type { KinesisRecord } from '../values/record.js';
import type { ResolvedShardConfig } from './config.js';
import { identityOfChild } from './graph-shard.js';
import type { Shard } from './shard.js';
import type { SubscriptionState } from './shard-phase.js';
import type { ShardRate } from './shard-rate.js';

/** The parts of a {@link Shard}. */
export interface MakeShardOptions {
  readonly config: ResolvedShardConfig;
  readonly tracked: TrackedShard;
  /** Makes the tracked shard ready, which may read the store; emits where to begin if there is no checkpoint. */
  readonly open: () => Observable<ReadStart>;
  /** Limits how fast the shard is read, where there are rates. */
  readonly rate?: ShardRate | undefined;
  /** The token of the lease, where there are leases. */
  readonly fencingToken?: string;
  /** Called with the payload bytes of each page. */
  readonly noteRead?: (bytes: number) => void;
  /** Called when the shard's end is read, with its children. */
  readonly ended: (children: readonly PortChildShard[]) => void;
  /** Called when a subscription begins (`'active'`), and when it ends. */
  readonly subscribed: (state: SubscriptionState) => void;
}

/** Makes the {@link Shard} of a source: each subscription reads on from where the tracked shard stands. */
export function makeShard(options: MakeShardOptions): Shard {
  const { tracked, fencingToken } = options;
  const { streamName, shardId, parentShardIds, hashKeyRange } = tracked.identity;
  const shard = Object.assign(oneAtATime(options), {
    streamName,
    shardId,
    parentShardIds,
    ...(hashKeyRange && { hashKeyRange }),
    ...(fencingToken !== undefined && { fencingToken }),
    leaseLost$: tracked.leaseLost$,
  });
  bindTrackedShard(shard, tracked);
  return shard;
}

/** Lets one subscription read at a time, and calls `subscribed` when it begins and when it ends. */
function oneAtATime(options: MakeShardOptions): Observable<KinesisRecord> {
  const { tracked, subscribed, rate } = options;
  let isSubscribed = false;
  const over = (state: EndKind): void => {
    isSubscribed = false;
    tracked.pipeline.endReading(state === 'complete');
    subscribed(state);
  };
  return new Observable<KinesisRecord>((subscriber) => {
    const { streamName, shardId } = tracked.identity;
    if (isSubscribed)
      throw new InvalidConfigError(
        `${streamName}/${shardId}: the shard has a subscriber; share() it to have more, of which only one may make blocks`,
      );
    isSubscribed = true;
    if (!tracked.resumes) rate?.restart();
    // Also when `stop` ends this subscription before its first read: the blocks of an earlier subscription must not settle in it.
    tracked.beginReading();
    subscribed('active');
    new Reading(options, subscriber, over).begin();
  });
}

/** One subscription: reads records until the shard's end is read, it must stop, or its lease is lost. */
class Reading implements Handlers<ShardPage> {
  readonly #options: MakeShardOptions;
  readonly #subscriber: Subscriber<KinesisRecord>;
  readonly #over: (kind: EndKind) => void;
  /** The children that the last page has named. */
  #children: readonly PortChildShard[] | undefined;
  #isEmitting = false;
  #isStopped = false;
  #isOver = false;

  /** @param over - called once, before the end is propagated. */
  constructor(options: MakeShardOptions, subscriber: Subscriber<KinesisRecord>, over: (kind: EndKind) => void) {
    this.#options = options;
    this.#subscriber = subscriber;
    this.#over = over;
  }

  begin(): void {
    const { stopping$, leaseLost$ } = this.#options.tracked;
    const stop = { next: () => this.#stop(), error: (error: unknown) => this.#fail(error), complete: noop };
    subscribeWithin(this.#subscriber, stopping$, stop);
    subscribeWithin(this.#subscriber, leaseLost$, stop);
    if (!this.#subscriber.closed) subscribeWithin(this.#subscriber, readPages(this.#options), this);
    this.#subscriber.add(() => this.#end('unsubscribe'));
  }

  next(page: ShardPage): void {
    const { tracked, noteRead, rate } = this.#options;
    noteRead?.(page.bytes);
    rate?.spend(page.records.length);
    if (page.ended) this.#children = page.childShards;
    this.#isEmitting = true;
    for (const record of deliverPage(page, tracked)) this.#subscriber.next(record);
    this.#isEmitting = false;
    if (this.#isStopped) this.complete();
  }

  /** A page that was delivered is emitted as a whole: nobody would settle the rest of it. */
  #stop(): void {
    this.#isStopped = true;
    if (!this.#isEmitting) this.complete();
  }

  /** All records read have been emitted: this is the shard's end, unless `stop` or a lost lease came first. */
  complete(): void {
    // A page that is unsubscribed while it is emitted says nothing of the subscription that follows.
    if (this.#isOver || this.#subscriber.closed) return;
    const { tracked } = this.#options;
    if (this.#children) endShard(this.#options, this.#children);
    this.#end('complete');
    tracked.pipeline.isCompleting = true;
    this.#subscriber.complete();
    tracked.pipeline.isCompleting = false;
  }

  error(error: unknown): void {
    const { ledger, identity } = this.#options.tracked;
    const { streamName, shardId, startingSequenceNumber } = identity;
    const wasThere = startingSequenceNumber !== undefined || ledger.isReadHere;
    this.#fail(shardReadError(error, { streamName, shardId, position: ledger.delivered, wasThere }));
  }

  #fail(failure: unknown): void {
    this.#end('error');
    this.#subscriber.error(failure);
  }

  #end(kind: EndKind): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over(kind);
  }
}

function readPages({ tracked, config, open, rate }: MakeShardOptions): Observable<ShardPage> {
  const context = readContext(config, config.stream, tracked.identity.shardId, isTakenAsItIs(config.reader));
  const credit$ = creditOf(tracked, config.limits, config.scheduler);
  return firstThen(open(), (start) => config.reader(context, startAfterDelivered(tracked, start), rate?.limited(credit$) ?? credit$));
}

/** Where this subscription begins: after the last delivered record under `recoverFrom`, else at the watermark. */
function startAfterDelivered({ ledger }: TrackedShard, start: ReadStart): ReadStart {
  const { delivered: position, isReadHere: isProven } = ledger;
  if (!position) return start;
  return { type: 'AFTER', position, isProven, ...(!isProven && { noteSeen: () => ledger.noteRead() }) };
}

function endShard({ tracked, ended }: MakeShardOptions, children: readonly PortChildShard[]): void {
  // Before SHARD_END can be written: a lease table first makes the rows of the children.
  if (children.length > 0) tracked.identify({ childShards: children.map(identityOfChild) });
  tracked.ledger.end();
  tracked.tell({ type: 'shardEndReached' });
  ended(children);
}
