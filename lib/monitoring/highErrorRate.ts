import { mergeMap, type OperatorFunction } from 'rxjs';
import { assertKnownFields, assertNumber } from '../internal/validate.js';
import { InvalidConfigError } from '../values/errors.js';
import type { ShardName } from '../values/shard-id.js';
import type { Alert } from './alert.js';
import { ByShard } from './by-shard.js';
import type { KinesisEvent } from './events.js';
import { sampled, type Gauge, type SampleTime } from './sampled.js';
import { SlidingCounts } from './sliding-counts.js';
import { resolveWindow, WINDOW_FIELDS, type WindowConfig } from './window-config.js';

/** When {@link highErrorRate} calls a rate high. */
export interface HighErrorRateConfig extends WindowConfig {
  /** The part of all that was tried which may fail, from 0 up, below 1. @defaultValue 0.05 */
  readonly threshold?: number | undefined;
}

/**
 * Raises an alert for each shard of which too much fails, and clears it when less does.
 *
 * @remarks
 * Errors are reads, checkpoints, lookups of them and work of `processBlocks` that failed and are made again, pipelines that failed, and failures that are recovered from;
 * what succeeded are pages, settled blocks, checkpoints and starts of shards. The lists of shards count by themselves, for the stream: such an alert has no
 * `shardId`. The rate is looked at at each multiple of `everyMs` from the subscription on; the alert is raised, once, when it is more than `threshold`, and
 * cleared, once, when it is not any more; with the value `undefined` when nothing was tried in the window, or the shard was released. To look at one
 * kind of work only, filter the events before it.
 *
 * No timer runs when nothing happens. Keeps two numbers a shard for each slot of the window, while it is not empty. Errors and completes with
 * the events, at once, and clears nothing then.
 *
 * @throws InvalidConfigError when called with a number out of range, or a window that cannot be.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * events
 *   .pipe(highErrorRate({ threshold: 0.05, windowMs: 60_000 }))
 *   .subscribe(({ raised, shardId, value }) => console.log(shardId, raised ? `fails too often: ${value}` : 'does well again'));
 * ```
 */
export function highErrorRate(config: HighErrorRateConfig = {}): OperatorFunction<KinesisEvent, Alert> {
  assertKnownFields(config, { ...WINDOW_FIELDS, threshold: true });
  const { threshold = 0.05, ...rest } = config;
  assertNumber('threshold', threshold, 0);
  if (threshold >= 1) throw new InvalidConfigError(`threshold: expected a part, below 1, not per cent, got ${threshold}`);
  const window = resolveWindow(rest);
  return (events$) =>
    events$.pipe(
      sampled(() => new ErrorGauge(threshold, window.slots), window),
      mergeMap((alerts) => alerts),
    );
}

/** What was tried of one shard, or of the lists of a stream. */
interface Tried {
  readonly streamName: string;
  readonly shardId?: string;
  counts: SlidingCounts;
  isRaised: boolean;
  isReleased: boolean;
}

class ErrorGauge implements Gauge<readonly Alert[]> {
  readonly #threshold: number;
  readonly #slots: number;
  readonly #tried = new ByShard<Tried>();

  constructor(threshold: number, slots: number) {
    this.#threshold = threshold;
    this.#slots = slots;
  }

  take(event: KinesisEvent, now: () => SampleTime): boolean {
    if (event.type === 'shardReleased') {
      const released = this.#tried.get(event);
      if (released) released.isReleased = true;
      return released !== undefined;
    }
    const errors = errorsOf(event);
    if (errors === undefined || !('streamName' in event)) return false;
    const tried = this.#triedOf(event);
    if (tried.isReleased) {
      // Another life of the shard: what was before it counts no more.
      tried.counts = new SlidingCounts(this.#slots);
      tried.isReleased = false;
    }
    tried.counts.add(now().slot, errors, 1);
    return true;
  }

  show({ slot }: SampleTime): readonly Alert[] {
    const alerts: Alert[] = [];
    for (const tried of this.#tried.values()) {
      const { part, whole } = tried.counts.before(slot);
      const rate = whole === 0 || tried.isReleased ? undefined : part / whole;
      const isHigh = rate !== undefined && rate > this.#threshold;
      if (isHigh !== tried.isRaised) alerts.push(this.#alert(tried, isHigh, rate));
      tried.isRaised = isHigh;
      if (tried.isReleased || tried.counts.isEmpty) this.#tried.delete(placeOf(tried));
    }
    return alerts;
  }

  get isAtRest(): boolean {
    return this.#tried.isEmpty;
  }

  #triedOf(event: PlacedEvent): Tried {
    const place = placeOf(event);
    const known = this.#tried.get(place);
    if (known) return known;
    const { streamName, shardId } = event;
    const counts = new SlidingCounts(this.#slots);
    const tried = { streamName, ...(shardId !== undefined && { shardId }), counts, isRaised: false, isReleased: false };
    this.#tried.set(place, tried);
    return tried;
  }

  #alert({ streamName, shardId }: Tried, raised: boolean, value: number | undefined): Alert {
    return { type: 'highErrorRate', raised, streamName, ...(shardId !== undefined && { shardId }), value, limit: this.#threshold };
  }
}

interface PlacedEvent {
  readonly streamName: string;
  readonly shardId?: string;
}

/** What is of no shard is kept under a name that none has. */
function placeOf(of: PlacedEvent): ShardName {
  return of.shardId === undefined ? { streamName: of.streamName, shardId: '' } : (of as ShardName);
}

/** 1 for what failed, 0 for what succeeded; `undefined` for what is neither. */
function errorsOf(event: KinesisEvent): 0 | 1 | undefined {
  switch (event.type) {
    case 'blockSettled':
    case 'checkpointWritten':
    case 'pageRead':
    case 'shardStarted':
    case 'shardsDiscovered':
      return 0;
    case 'readRetry':
      // An iterator that was too old is replaced, and that is all.
      return event.reason === 'iterator' ? undefined : 1;
    case 'blockFailed':
    case 'blockRetry':
    case 'checkpointFailed':
    case 'discoveryFailed':
    case 'recoveryStarted':
    case 'shardFailed':
    case 'shardRestarted':
    case 'storeRetry':
      return 1;
    default:
      return undefined;
  }
}
