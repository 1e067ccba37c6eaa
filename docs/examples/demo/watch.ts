import { merge, Subscription, type Observable } from 'rxjs';
import {
  checkpointSuccessRate,
  highErrorRate,
  processingLag,
  stuckShards,
  throttleRate,
  type Alert,
  type KinesisEvent,
} from '../../../lib/index.js';

/** How the workers do, as of the last second; `undefined` where nothing has happened that tells. */
export interface Figures {
  readonly lagMs: number | undefined;
  /** The part of the checkpoints that were written, from 0 to 1. */
  readonly checkpointSuccess: number | undefined;
  /** The part of the reads that Kinesis throttled, from 0 to 1. */
  readonly throttled: number | undefined;
}

/** An alert, and when it was raised and cleared, in ms since the demo began. */
export interface ToldAlert {
  readonly alert: Alert;
  readonly raisedMs: number;
  /** Absent for one that was raised to the end. */
  readonly clearedMs?: number;
}

/** Short windows: all that happens in the demo lasts some seconds. */
const WINDOW = { windowMs: 5_000, everyMs: 500 };
/** Twice the interval of the checkpoints and a bit. */
const STUCK_MS = 2_500;

/** Watches the workers by their events, as if they were one: each shard has one owner at a time. */
export class Watch {
  readonly #subscriptions = new Subscription();
  readonly #told: ToldAlert[] = [];
  #figures: Figures = { lagMs: undefined, checkpointSuccess: undefined, throttled: undefined };

  /** @param elapsedMs - the time since the demo began. */
  constructor(events$: Observable<KinesisEvent>, elapsedMs: () => number) {
    const keep = (name: keyof Figures, figure$: Observable<number | undefined>): void =>
      void this.#subscriptions.add(figure$.subscribe((figure) => (this.#figures = { ...this.#figures, [name]: figure })));
    keep('lagMs', events$.pipe(processingLag(WINDOW)));
    keep('checkpointSuccess', events$.pipe(checkpointSuccessRate(WINDOW)));
    keep('throttled', events$.pipe(throttleRate({ service: 'kinesis', ...WINDOW })));
    const alert$ = merge(events$.pipe(stuckShards({ maxAllowedLagMs: STUCK_MS })), events$.pipe(highErrorRate(WINDOW)));
    this.#subscriptions.add(alert$.subscribe((alert) => note(this.#told, alert, elapsedMs())));
  }

  get figures(): Figures {
    return this.#figures;
  }

  /** The alerts, in the order in which they were raised. */
  get alerts(): readonly ToldAlert[] {
    return this.#told;
  }

  end(): void {
    this.#subscriptions.unsubscribe();
  }
}

/** Adds an alert that is raised, or says of the one that it clears when that was. */
export function note(told: ToldAlert[], alert: Alert, elapsedMs: number): void {
  const isOpen = (one: ToldAlert): boolean =>
    one.clearedMs === undefined && one.alert.type === alert.type && one.alert.shardId === alert.shardId;
  const open = told.findIndex(isOpen);
  if (alert.raised) told.push({ alert, raisedMs: elapsedMs });
  else if (open >= 0) told[open] = { ...told[open]!, clearedMs: elapsedMs };
}
