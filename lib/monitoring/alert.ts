/** Something that should not be is there, or is over. */
export interface Alert {
  readonly type: 'highErrorRate' | 'stuckShard';
  /** `true` when it begins, `false` when it is over. */
  readonly raised: boolean;
  /** The stream, where the alert is about one. */
  readonly streamName?: string;
  /** The shard, where it is about one. */
  readonly shardId?: string;
  /** What was measured; `undefined` when there is nothing left to measure, since the window is empty or the shard was released. */
  readonly value: number | undefined;
  /** What the figure may be at most. */
  readonly limit: number;
}

/** The same for an alert that is raised and the one that clears it. */
export function alertKey({ type, streamName = '', shardId = '' }: Alert): string {
  return `${type} ${streamName}/${shardId}`;
}

/** The alerts that are raised and not cleared. */
export class RaisedAlerts {
  readonly #raised = new Map<string, Alert>();

  take(alert: Alert): void {
    if (alert.raised) this.#raised.set(alertKey(alert), alert);
    else this.#raised.delete(alertKey(alert));
  }

  /** Whether this very alert is raised. */
  has(alert: Alert): boolean {
    return this.#raised.get(alertKey(alert)) === alert;
  }

  /** In the order in which they were raised. */
  get all(): readonly Alert[] {
    return [...this.#raised.values()];
  }

  get isEmpty(): boolean {
    return this.#raised.size === 0;
  }

  clear(): void {
    this.#raised.clear();
  }
}
