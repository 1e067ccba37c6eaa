import { defer, EMPTY, ignoreElements, map, merge, Subject, switchMap, takeUntil, tap, type Observable, type SchedulerLike } from 'rxjs';
import { delayOf } from '../internal/delay.js';
import { PATIENCE, type ResolvedShardConfig } from './config.js';
import { StopTimeoutError } from './errors.js';
import type { ShardLifecycle } from './shard-lifecycle.js';

/** How long a store of leases may go on when all shards are released, before it is unsubscribed: the last calls to its table take part of that. */
const LAST_CALL_MS = 1_000;

/** What {@link stopInTime} watches. */
export interface StopInTimeOptions {
  readonly config: ResolvedShardConfig;
  /** Emits, once, when the shards must complete; replays to late subscribers. */
  readonly stop$: Observable<unknown>;
  /** The shards that are not released yet. */
  readonly live: () => Iterable<ShardLifecycle>;
  /** Whether there is a deadline. If it can never be known when the work is done, a deadline would only delay the end of the process. */
  readonly hasDeadline: () => boolean;
}

/**
 * Mirrors `released$`, which completes when all shards are released. After `stop` it reports the open work, and errors with a
 * `StopTimeoutError` when there still is open work after `stopTimeoutMs`. Deletes of stored blocks are no work: it ends them before that.
 */
export function stopInTime<T>(released$: Observable<T>, { config, stop$, live, hasDeadline }: StopInTimeOptions): Observable<T> {
  const { stream, stopTimeoutMs, scheduler, notify } = config;
  const { streamName } = stream;
  return defer(() => {
    const done$ = new Subject<void>();
    let stoppingSinceMs: number | undefined;

    const noteStopping = (): void => {
      stoppingSinceMs = scheduler.now();
      notify({ type: 'stopping', streamName, ...inFlight([...live()]) });
    };
    const noteStopped = (): void => {
      done$.next();
      if (stoppingSinceMs !== undefined) notify({ type: 'stopped', streamName, tookMs: Math.max(0, scheduler.now() - stoppingSinceMs) });
    };
    const failLate = (): never => {
      const open = [...live()].map((life) => life.openWork);
      const error = new StopTimeoutError(streamName, stopTimeoutMs, open);
      notify({ type: 'stopTimedOut', streamName, error });
      throw error;
    };
    const deadline$ = stop$.pipe(
      tap(noteStopping),
      switchMap(() => (hasDeadline() ? deadlineOf({ config, live }) : EMPTY)),
      map(failLate),
      takeUntil(done$),
    );
    return merge(deadline$, released$.pipe(tap({ complete: noteStopped })));
  });
}

/** Emits when all shards have been released for so long that their store must have made its last calls. */
export function afterLastCall(released$: Observable<unknown>, scheduler: SchedulerLike): Observable<unknown> {
  return released$.pipe(switchMap(() => delayOf(LAST_CALL_MS, scheduler)));
}

/** Ends the clean-up of the shards after most of the time, and emits when all of it has passed. */
function deadlineOf({ config, live }: Pick<StopInTimeOptions, 'config' | 'live'>): Observable<unknown> {
  const { stopTimeoutMs, scheduler } = config;
  const endCleanUp = (): void => {
    for (const life of [...live()]) life.endCleanUp();
  };
  const cleanUp$ = delayOf(stopTimeoutMs * PATIENCE, scheduler).pipe(tap(endCleanUp), ignoreElements());
  return merge(cleanUp$, delayOf(stopTimeoutMs, scheduler));
}

function inFlight(open: readonly ShardLifecycle[]): { shards: number; records: number; bytes: number } {
  const sum = (numberOf: (life: ShardLifecycle) => number): number => open.reduce((total, life) => total + numberOf(life), 0);
  return { shards: open.length, records: sum((life) => life.openWork.records), bytes: sum((life) => life.openBytes) };
}
