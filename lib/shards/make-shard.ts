import { catchError, concatMap, defer, merge, Observable, takeUntil, tap, throwError } from 'rxjs';
import { onEnd, type EndKind } from '../internal/on-end.js';
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
  const records$ = oneAtATime(options);
  const shard = Object.assign(new Observable<KinesisRecord>((subscriber) => records$.subscribe(subscriber)), {
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
    tracked.endReading(state === 'complete');
    subscribed(state);
  };
  return defer(() => {
    const { streamName, shardId } = tracked.identity;
    if (isSubscribed) throw new InvalidConfigError(`${streamName}/${shardId}: the shard has a subscriber; share() it to have more`);
    isSubscribed = true;
    if (!tracked.resumes) rate?.restart();
    // Also when `stop` ends this subscription before its first read: the blocks of an earlier subscription must not settle in it.
    tracked.beginReading();
    subscribed('active');
    return readRecords(options).pipe(onEnd(over));
  });
}

function readRecords(options: MakeShardOptions): Observable<KinesisRecord> {
  const { tracked, noteRead, rate } = options;
  const { streamName, shardId } = tracked.identity;
  let children: readonly PortChildShard[] | undefined;
  const notePage = (page: ShardPage): void => {
    noteRead?.(page.bytes);
    rate?.spend(page.records.length);
    if (page.ended) children = page.childShards;
  };
  // All records read have been emitted: this is the shard's end, unless `stop` or a lost lease came first.
  const complete = (): void => void (children && endShard(options, children));
  return readPages(options).pipe(
    tap(notePage),
    concatMap((page) => deliverPage(page, tracked)),
    tap({ complete }),
    catchError((error: unknown) => throwError(() => shardReadError(error, { streamName, shardId, position: tracked.ledger.delivered }))),
  );
}

function readPages({ tracked, config, open, rate }: MakeShardOptions): Observable<ShardPage> {
  const context = { ...readContext(config, config.stream, tracked.identity.shardId), isLean: isTakenAsItIs(config.reader) };
  const credit$ = creditOf(tracked, config.limits, config.scheduler);
  return open().pipe(
    concatMap((start) => config.reader(context, startAfterDelivered(tracked, start), rate?.limited(credit$) ?? credit$)),
    takeUntil(merge(tracked.stopping$, tracked.leaseLost$)),
  );
}

/** Where this subscription begins: after the last delivered record under `recoverFrom`, else at the watermark. */
function startAfterDelivered({ ledger }: TrackedShard, start: ReadStart): ReadStart {
  return ledger.delivered ? { type: 'AFTER', position: ledger.delivered } : start;
}

function endShard({ tracked, config, ended }: MakeShardOptions, children: readonly PortChildShard[]): void {
  const { streamName, shardId } = tracked.identity;
  // Before SHARD_END can be written: a lease table first makes the rows of the children.
  if (children.length > 0) tracked.identify({ childShards: children.map(identityOfChild) });
  tracked.ledger.end();
  config.notify({ type: 'shardEndReached', streamName, shardId });
  ended(children);
}
