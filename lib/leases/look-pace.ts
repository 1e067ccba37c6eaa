import { halfJitter } from '../internal/delay.js';
import type { ResolvedLeaseConfig } from './lease-config.js';

/** The longest wait before a step that failed or was refused again and again is tried again, in failover times. */
const RETRY_FAILOVERS = 1 / 2;
/** The first wait after a second refusal in a row, in failover times. */
const REFUSED_FAILOVERS = 1 / 100;

/** What a worker does for the whole table: it looks at it, and looks after its rows. */
export type Task = 'keep' | 'look';

/** What came of the steps of one round. */
export interface RoundOutcome {
  /** Whether a step has failed: it may have been made all the same, and then only this worker knows at once that it does not hold the lease that it owns. */
  readonly hasFailed: boolean;
  /** Whether another worker was first. */
  readonly isRefused: boolean;
  /** Whether a lease was granted. */
  readonly hasGrants: boolean;
  /** Whether leases were not asked for, since the look may have missed the latest writes. */
  readonly isPutOff: boolean;
}

/**
 * Remembers what went wrong in the last rounds, or was put off, and how long to wait therefore.
 *
 * @remarks
 * A look that fails is tried again later each time, and so are the keeping of rows and steps that fail. After a refused step the table is looked at again at once,
 * since others take leases at this moment; if that has brought nothing but another refusal, a little later, and later each time: where looks
 * show the table as it was some time ago, each of them would come too late in the same way. Pure.
 */
export class LookPace {
  readonly #config: Pick<ResolvedLeaseConfig, 'failoverTimeMs' | 'random'>;
  /** How often in a row looks have failed, and the making or deleting of rows after them. */
  readonly #failures: Record<Task, number> = { look: 0, keep: 0 };
  /** In how many rounds in a row a step has failed. */
  #failedRounds = 0;
  /** How many rounds in a row brought a refusal, and no lease. */
  #refusals = 0;
  #isPutOff = false;

  constructor(config: Pick<ResolvedLeaseConfig, 'failoverTimeMs' | 'random'>) {
    this.#config = config;
  }

  /** Whether something has failed, so that this worker may know more of the table than the one that watches. */
  get isTroubled(): boolean {
    return this.#mostFailures > 0 || this.#failedRounds > 0;
  }

  /** Whether the wait is not to be cut short by what others do. */
  get isBackingOff(): boolean {
    return this.#mostFailures > 0 || this.#refusals > 0;
  }

  /** Whether the next look must not miss the latest writes. */
  get isPutOff(): boolean {
    return this.#isPutOff;
  }

  /** Notes that a task has failed; returns how often in a row. */
  noteFailure(task: Task): number {
    return ++this.#failures[task];
  }

  /** Notes that a task has succeeded: a look, when all that follows from it was tried too. */
  noteDone(task: Task): void {
    this.#failures[task] = 0;
  }

  /** Notes what came of the steps that followed from a look. */
  noteSteps({ hasFailed, isRefused, hasGrants, isPutOff }: RoundOutcome): void {
    this.#isPutOff = isPutOff;
    this.#failedRounds = hasFailed ? this.#failedRounds + 1 : 0;
    this.#refusals = isRefused ? (hasGrants ? 1 : this.#refusals + 1) : 0;
  }

  /** How long to wait before the next look, in ms. @param usualMs - the wait when nothing is wrong. */
  intervalMs(usualMs: number): number {
    const { failoverTimeMs, random } = this.#config;
    const longestMs = failoverTimeMs * RETRY_FAILOVERS;
    if (this.#mostFailures > 0) return halfJitter(this.#mostFailures + 1, usualMs, Math.max(usualMs, failoverTimeMs), random);
    if (this.#refusals === 1) return 0;
    if (this.#refusals > 1) return halfJitter(this.#refusals - 1, failoverTimeMs * REFUSED_FAILOVERS, longestMs, random);
    if (this.#isPutOff) return 0;
    const retryMs = this.#failedRounds > 0 ? Math.min(usualMs * 2 ** (this.#failedRounds - 1), longestMs) : 0;
    return Math.max(usualMs, retryMs);
  }

  get #mostFailures(): number {
    return Math.max(this.#failures.look, this.#failures.keep);
  }
}
