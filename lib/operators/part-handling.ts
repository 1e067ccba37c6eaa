import {
  catchError,
  concat,
  defer,
  EMPTY,
  ignoreElements,
  subscribeOn,
  tap,
  type Observable,
  type ObservableInput,
  type SchedulerLike,
} from 'rxjs';
import { retryWithBackOff } from '../internal/back-off.js';
import { isObservableInput } from '../internal/notifierOf.js';
import { reportWork } from '../tracking/tracked-block.js';
import type { Block } from '../values/block.js';
import { InvalidConfigError, isFinal } from '../values/errors.js';
import type { KinesisRecord } from '../values/record.js';
import { shown } from '../values/shown.js';
import { blockOf, halvesOf, splitBy, type BlockPart } from './block-part.js';

/** Records that `processBlocks` gives up, and why. */
export interface BlockFailure<T = KinesisRecord> {
  /** The records, with their exact ranges: the whole block, or the part of it that fails. */
  readonly block: Block<T>;
  /** `error`: the handler failed with them as often as it may; `age`: they are older than `maxRecordAgeMs`. */
  readonly reason: 'age' | 'error';
  /** How often the handler was called with them, also together with others. */
  readonly attempts: number;
  /** What the last of these calls failed with; `undefined` if there was none. */
  readonly error: unknown;
}

/** How the parts of blocks are handled. */
export interface HandlingPolicy<T = KinesisRecord> {
  readonly handler: (block: Block<T>) => ObservableInput<unknown>;
  readonly maxAttempts: number;
  readonly retryDelayMs: number;
  readonly bisectOnError: boolean;
  readonly maxRecordAgeMs: number;
  readonly onFailure: ((failure: BlockFailure<T>) => ObservableInput<unknown>) | undefined;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

/**
 * Calls the handler with a part of a block until it succeeds, or the part is given up.
 *
 * @returns an Observable that completes when all records of the part are handled or given up; it never emits.
 */
export function handled<B extends Block>(part: BlockPart<B>, policy: HandlingPolicy<B['records'][number]>): Observable<never> {
  return defer(() => new PartHandling(part, policy).run());
}

class PartHandling<B extends Block> {
  readonly #policy: HandlingPolicy<B['records'][number]>;
  /** What is left of the part: without the records that were too old. */
  #part: BlockPart<B>;
  /** Whether the error that comes is the handler's, and not that of `onFailure`. */
  #hasHandlerFailed = false;

  constructor(part: BlockPart<B>, policy: HandlingPolicy<B['records'][number]>) {
    this.#part = part;
    this.#policy = policy;
  }

  run(): Observable<never> {
    const { maxAttempts, retryDelayMs: initialDelayMs, scheduler, random } = this.#policy;
    return defer(() => concat(this.#giveUpOld(), this.#call())).pipe(
      retryWithBackOff(() => ({
        ...{ maxRetries: maxAttempts - 1, initialDelayMs, maxDelayMs: Math.max(initialDelayMs, MAX_RETRY_DELAY_MS), scheduler, random },
        shouldRetry: (error) => this.#hasHandlerFailed && !this.#isToBeCut && !isFinal(error),
        notify: (retry) => reportWork(this.#part.whole.ranges, blockOf(this.#part), { type: 'blockRetry', ...retry }),
      })),
      catchError((error: unknown) => this.#afterFailure(error)),
    );
  }

  get #isToBeCut(): boolean {
    return this.#policy.bisectOnError && this.#part.indices.length > 1;
  }

  #giveUpOld(): Observable<never> {
    const { maxRecordAgeMs, scheduler } = this.#policy;
    this.#hasHandlerFailed = false;
    if (maxRecordAgeMs === Infinity) return EMPTY;
    const oldestMs = scheduler.now() - maxRecordAgeMs;
    const [old, fresh] = splitBy(this.#part, ({ approximateArrivalTimestamp: at }) => at !== undefined && at.getTime() < oldestMs);
    this.#part = fresh;
    return old.indices.length === 0 ? EMPTY : this.#giveUp(old, 'age');
  }

  #call(): Observable<never> {
    let misuse: unknown;
    const call$ = defer(() => {
      this.#part = { ...this.#part, attempts: this.#part.attempts + 1 };
      const answer = this.#policy.handler(blockOf(this.#part));
      if (!isObservableInput(answer)) throw (misuse = notAwaitable('handler', answer));
      return answer;
    });
    const noteFailure = (error: unknown): void => {
      this.#part = { ...this.#part, error };
      this.#hasHandlerFailed = error !== misuse;
    };
    return defer(() => (this.#part.indices.length === 0 ? EMPTY : call$.pipe(ignoreElements(), tap({ error: noteFailure }))));
  }

  #afterFailure(error: unknown): Observable<never> {
    if (!this.#hasHandlerFailed) throw error;
    const { onFailure, scheduler } = this.#policy;
    // Each half after a turn of the scheduler: the halves of halves that fail at once would grow the stack.
    if (this.#isToBeCut) return concat(...halvesOf(this.#part).map((half) => handled(half, this.#policy).pipe(subscribeOn(scheduler))));
    if (!onFailure) throw error;
    return this.#giveUp(this.#part, 'error');
  }

  #giveUp(part: BlockPart<B>, reason: BlockFailure['reason']): Observable<never> {
    const { attempts, error } = part;
    return defer(() => {
      const answer = this.#policy.onFailure!({ block: blockOf(part), reason, attempts, error });
      if (!isObservableInput(answer)) throw notAwaitable('onFailure', answer);
      return answer;
    }).pipe(
      ignoreElements(),
      tap({
        complete: () =>
          reportWork(part.whole.ranges, blockOf(part), { type: 'blockFailed', reason, attempts, ...(attempts > 0 && { error }) }),
      }),
    );
  }
}

/** Work that nobody can wait for would count as done before it is. */
function notAwaitable(name: string, answer: unknown): InvalidConfigError {
  return new InvalidConfigError(
    `${name}: expected it to return a promise or an Observable, which ends with the work, got ${shown(answer)}`,
  );
}

/** The bound of the delay between two calls, in ms. */
const MAX_RETRY_DELAY_MS = 60_000;
