import {
  asyncScheduler,
  connect,
  defer,
  distinctUntilChanged,
  filter,
  map,
  merge,
  startWith,
  tap,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { assertKnownFields, assertMethod, assertNumber, assertScheduler } from '../internal/validate.js';
import type { Alert } from './alert.js';
import type { KinesisEvent, ShardsDiscoveredEvent } from './events.js';
import { nameOf } from './perShard.js';
import { stuckForHealth } from './stuckShards.js';

/** What a probe wants to know. */
export interface Health {
  /** Whether the process is to go on. If not, a restart is what helps: nothing does its work any more. */
  readonly live: boolean;
  /** Whether it does, or is ready to do, its part. */
  readonly ready: boolean;
  /** Why it is not live, or not ready; none when it is both. */
  readonly reasons: readonly string[];
}

/** What {@link health} calls healthy. */
export interface HealthConfig {
  /** For how long a shard may be stuck, as `stuckShards` means it, before the process is not live, in ms. From 1 up. @defaultValue 300_000 */
  readonly maxAllowedLagMs?: number | undefined;
  /** Every timer and clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Says whether a consumer is live and ready, for the probes of an orchestrator.
 *
 * @remarks
 * Not *live*: a shard is stuck for more than `maxAllowedLagMs`, its pipeline or its stream failed for good, or `stop` ran out of time. Not *ready*: not live, no
 * shard was listed or started yet, `stop` has fired, or this worker has lost every lease. A worker without shards, which stands by, is ready. A throttled
 * service, a failed checkpoint, a handler that `processBlocks` calls again and a shard that waits for its turn in `mergeShards` make it neither: a restart
 * would not help.
 *
 * Emits at once, and then when something changes. One timer while a shard has something to do, none else. Keeps one small object a shard. Errors and
 * completes with the events.
 *
 * @throws InvalidConfigError when called with a number out of range, or with no Observable.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * health(events).subscribe(({ live, ready, reasons }) => console.log(live, ready, reasons));
 * ```
 */
export function health(events$: Observable<KinesisEvent>, config: HealthConfig = {}): Observable<Health> {
  assertMethod('events$', events$, 'subscribe');
  assertKnownFields(config, { maxAllowedLagMs: true, scheduler: true });
  const { maxAllowedLagMs = 300_000, scheduler = asyncScheduler } = config;
  assertNumber('maxAllowedLagMs', maxAllowedLagMs, 1);
  assertScheduler(scheduler);
  return defer(() => {
    const state = new HealthState();
    const changes = (shared$: Observable<KinesisEvent>) =>
      merge(
        shared$.pipe(
          stuckForHealth(maxAllowedLagMs, scheduler),
          tap((alert) => state.noteStuck(alert)),
        ),
        shared$.pipe(filter((event) => state.note(event))),
      );
    return events$.pipe(
      connect(changes),
      startWith(undefined),
      map(() => state.health),
      distinctUntilChanged(haveSameReasons),
    );
  });
}

function haveSameReasons({ reasons }: Health, { reasons: others }: Health): boolean {
  return reasons.length === others.length && reasons.every((reason, index) => reason === others[index]);
}

/** What is known of a consumer. */
class HealthState {
  /** What is said of the shards that are stuck: made once, since all shards may become stuck at once. */
  readonly #stuck = new Map<string, string>();
  /** The shards whose pipelines failed for good. */
  readonly #failed = new Set<string>();
  #isKnown = false;
  /** The streams that are stopping. */
  readonly #stopping = new Set<string>();
  /** The streams that have errored, and what of. */
  readonly #errored = new Map<string, string>();
  #hasLostAll = false;

  noteStuck({ raised, streamName, shardId, limit }: Alert): void {
    const name = `${streamName}/${shardId}`;
    if (raised) this.#stuck.set(name, `${name}: stuck for more than ${limit} ms`);
    else this.#stuck.delete(name);
  }

  /** Says whether the event may change anything. */
  note(event: KinesisEvent): boolean {
    switch (event.type) {
      case 'shardStarted':
        // Its pipeline may run again: a stream that is subscribed anew begins like this.
        this.#failed.delete(nameOf(event));
        this.#begin(event.streamName);
        return true;
      case 'shardsDiscovered':
        return this.#list(event);
      case 'shardFailed':
        this.#failed.add(nameOf(event));
        return true;
      case 'allLeasesLost':
        this.#hasLostAll = true;
        return true;
      case 'leaseTaken':
      case 'leasesSeen':
        // It reaches the table, and stands by.
        if (!this.#hasLostAll) return false;
        this.#hasLostAll = false;
        return true;
      case 'stopping':
        this.#stopping.add(event.streamName);
        return true;
      case 'stopTimedOut':
      case 'streamFailed':
        this.#errored.set(event.streamName, event.type === 'stopTimedOut' ? 'stop ran out of time' : 'the stream failed for good');
        return true;
      default:
        return false;
    }
  }

  #list({ streamName, added, total }: ShardsDiscoveredEvent): boolean {
    if (added.length === 0 || added.length < total) return this.#know();
    // The first listing of a subscription: what failed in the one before is tried again, here or by another worker.
    this.#begin(streamName);
    for (const name of this.#failed) if (name.startsWith(`${streamName}/`)) this.#failed.delete(name);
    return true;
  }

  #know(): boolean {
    const isNews = !this.#isKnown;
    this.#isKnown = true;
    return isNews;
  }

  #begin(streamName: string): void {
    this.#know();
    this.#stopping.delete(streamName);
    this.#errored.delete(streamName);
  }

  get health(): Health {
    const dead = [
      ...this.#stuck.values(),
      ...[...this.#failed].map((name) => `${name}: the pipeline failed for good`),
      ...[...this.#errored].map(([name, what]) => `${name}: ${what}`),
    ];
    const unready = [
      ...(this.#isKnown ? [] : ['no shard is known yet']),
      ...[...this.#stopping].filter((name) => !this.#errored.has(name)).map((name) => `${name}: stopping`),
      ...(this.#hasLostAll ? ['this worker has lost every lease'] : []),
    ];
    const reasons = [...dead, ...unready];
    return { live: dead.length === 0, ready: reasons.length === 0, reasons };
  }
}
