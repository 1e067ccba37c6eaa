import { Subject, Subscription, type Observable } from 'rxjs';
import {
  checkpointSuccessRate,
  highErrorRate,
  processingLag,
  recordsProcessed,
  recoveryRate,
  stuckShards,
  throttleRate,
  type Alert,
  type KinesisEvent,
} from '../../lib/index.js';

/** A window that is short for a spec, and longer than what happens in it. */
const window = { windowMs: 2_000, everyMs: 100 };
/** Longer than anything of a consumer that is well takes on a busy machine, in ms. */
const PATIENCE_MS = 10_000;

const METRICS = {
  checkpointSuccessRate: checkpointSuccessRate(window),
  processingLag: processingLag(window),
  recordsProcessed: recordsProcessed(window),
  recoveryRate: recoveryRate(window),
  throttleRateOfDynamoDB: throttleRate({ service: 'dynamodb', ...window }),
  throttleRateOfKinesis: throttleRate({ service: 'kinesis', ...window }),
};

/** What is no more what it is for a consumer that is well. */
const IS_ILL: Readonly<Record<keyof typeof METRICS, (figure: number, stuckMs: number) => boolean>> = {
  checkpointSuccessRate: (rate) => rate < 1,
  processingLag: (lagMs, stuckMs) => lagMs > stuckMs,
  recordsProcessed: () => false,
  recoveryRate: (rate) => rate > 0,
  throttleRateOfDynamoDB: (rate) => rate > 0,
  throttleRateOfKinesis: (rate) => rate > 0,
};

export type MetricName = keyof typeof METRICS;

/** All metrics and alerts over the events of a consumer, and what they have said. */
export class Watching {
  readonly events$ = new Subject<KinesisEvent>();
  readonly alerts: Alert[] = [];
  readonly #figures = new Map<MetricName, (number | undefined)[]>();
  readonly #subscriptions = new Subscription();
  readonly #stuckMs: number;

  /** @param stuckMs - a shard is stuck after so long, and a lag above it is not that of a consumer that is well. */
  constructor(stuckMs = PATIENCE_MS) {
    this.#stuckMs = stuckMs;
    for (const [name, metric] of Object.entries(METRICS)) {
      const figures: (number | undefined)[] = [];
      this.#figures.set(name as MetricName, figures);
      this.#subscriptions.add(this.events$.pipe(metric).subscribe((figure) => figures.push(figure)));
    }
    const keep = (alert$: Observable<Alert>): void => void this.#subscriptions.add(alert$.subscribe((alert) => this.alerts.push(alert)));
    keep(this.events$.pipe(stuckShards({ maxAllowedLagMs: stuckMs })));
    keep(this.events$.pipe(highErrorRate(window)));
  }

  /** All that a metric has emitted. */
  figures(name: MetricName): readonly (number | undefined)[] {
    return this.#figures.get(name)!;
  }

  /** What a metric has emitted last. */
  last(name: MetricName): number | undefined {
    return this.figures(name).at(-1);
  }

  /** The metrics that have not always been what they are for a consumer that is well, and the alerts that were raised. */
  get ill(): string[] {
    const metrics = [...this.#figures].filter(([name, figures]) =>
      figures.some((figure) => figure !== undefined && IS_ILL[name](figure, this.#stuckMs)),
    );
    const raised = this.alerts.filter((alert) => alert.raised).map(({ type }) => type);
    return [...new Set([...metrics.map(([name]) => name), ...raised])].sort();
  }

  /** The alerts, such as `stuckShard 1 raised`. */
  get told(): string[] {
    return this.alerts.map(({ type, shardId, raised }) => `${type} ${shardId?.slice(-1)} ${raised ? 'raised' : 'cleared'}`);
  }

  end(): void {
    this.#subscriptions.unsubscribe();
  }
}
