import { catchError, concatMap, defer, merge, Observable, takeUntil, tap, throwError } from 'rxjs';
import { bindTrackedShard, type TrackedShard } from '../tracking/tracked-shard.js';
import type { PortChildShard } from '../kinesis/port.js';
import type { ReadStart, ShardPage } from '../readers/reader.js';
import { shardReadError } from '../kinesis/shardReadError.js';
import type { Shard } from './shard.js';
import { InvalidConfigError } from '../values/errors.js';
import type { KinesisRecord } from '../values/record.js';
import type { ResolvedShardConfig } from './config.js';
import { creditOf } from '../tracking/creditOf.js';
import { deliverPage } from '../tracking/deliverPage.js';
import { readContext } from '../readers/config.js';

/** How a subscription to a shard ended. */
export type SubscriptionEnd = 'complete' | 'error' | 'unsubscribe';

/** One shard, from the source's side. */
export interface ShardSource {
  readonly reading: ResolvedShardConfig;
  readonly account: TrackedShard;
  /** Makes the account ready, which may take a look into the store; emits where to begin if there is no checkpoint. */
  readonly open: () => Observable<ReadStart>;
  /** Completes the shard when it emits. */
  readonly stop$: Observable<unknown>;
  /** The token of the lease, where there are leases: unknown until it is taken. */
  readonly fencingToken?: () => string | undefined;
  /** Told when the shard's end is read, with what it became. */
  readonly ended?: (children: readonly PortChildShard[]) => void;
  /** Told when a subscription begins (`undefined`), and how it ended. */
  readonly subscribed?: (end: SubscriptionEnd | undefined) => void;
}

/** Makes the {@link Shard} of a source: a subscription reads on from where the account stands. */
export function makeShard(source: ShardSource): Shard {
  const { account, fencingToken } = source;
  const { streamName, shardId, parentShardIds, hashKeyRange } = account.identity;
  const records$ = oneAtATime(source);
  const shard = Object.assign(new Observable<KinesisRecord>((subscriber) => records$.subscribe(subscriber)), {
    streamName,
    shardId,
    parentShardIds,
    ...(hashKeyRange && { hashKeyRange }),
    leaseLost$: account.leaseLost$,
  });
  if (fencingToken) void Object.defineProperty(shard, 'fencingToken', { get: fencingToken, enumerable: true });
  bindTrackedShard(shard, account);
  return shard;
}

/** Lets one subscription read at a time, and tells when it begins and how it ends. */
function oneAtATime(source: ShardSource): Observable<KinesisRecord> {
  const { account, subscribed = () => undefined } = source;
  let isSubscribed = false;
  const over = (end: SubscriptionEnd) => (): void => {
    isSubscribed = false;
    subscribed(end);
  };
  return defer(() => {
    const { streamName, shardId } = account.identity;
    if (isSubscribed) throw new InvalidConfigError(`${streamName}/${shardId}: the shard has a subscriber; share() it to have more`);
    isSubscribed = true;
    // Also when `stop` ends this subscription before its first read: what an earlier one left behind is not its to settle.
    account.beginReading();
    subscribed(undefined);
    return readRecords(source).pipe(tap({ complete: over('complete'), error: over('error'), unsubscribe: over('unsubscribe') }));
  });
}

function readRecords(source: ShardSource): Observable<KinesisRecord> {
  const { account } = source;
  const { streamName, shardId } = account.identity;
  let children: readonly PortChildShard[] | undefined;
  const noteEnd = (page: ShardPage): void => void (page.ended && (children = page.childShards));
  // Everything read has been emitted: this is the shard's end, unless `stop` or a lost lease came first.
  const complete = (): void => void (children && endShard(source, children));
  return readPages(source).pipe(
    tap(noteEnd),
    concatMap((page) => deliverPage(page, account)),
    tap({ complete }),
    catchError((error: unknown) => throwError(() => shardReadError(error, { streamName, shardId, position: account.ledger.delivered }))),
  );
}

function readPages({ account, reading, open, stop$ }: ShardSource): Observable<ShardPage> {
  const context = readContext(reading, reading.stream, account.identity.shardId);
  const credit$ = creditOf(account, reading.limits, reading.scheduler);
  return open().pipe(
    concatMap((start) => reading.reader(context, placeOf(account, start), credit$)),
    takeUntil(merge(stop$, account.leaseLost$)),
  );
}

/** Where this subscription begins: after the last delivered record under `recoverFrom`, else at the watermark. */
function placeOf({ ledger }: TrackedShard, start: ReadStart): ReadStart {
  return ledger.delivered ? { type: 'AFTER', position: ledger.delivered } : start;
}

function endShard({ account, reading, ended }: ShardSource, children: readonly PortChildShard[]): void {
  const { streamName, shardId } = account.identity;
  account.ledger.end();
  reading.notify({ type: 'shardEndReached', streamName, shardId });
  ended?.(children);
}
