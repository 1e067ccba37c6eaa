import {
  catchError,
  concat,
  defer,
  EMPTY,
  ignoreElements,
  merge,
  tap,
  type Observable,
  type ObservableInput,
  type SchedulerLike,
} from 'rxjs';
import { retryWithBackOff } from '../internal/back-off.js';
import { isObservableInput } from '../internal/notifierOf.js';
import { entriesOf, reportWork } from '../tracking/tracked-block.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { Block } from '../values/block.js';
import { InvalidConfigError, isFinal } from '../values/errors.js';
import type { KinesisRecord } from '../values/record.js';
import { shown } from '../values/shown.js';
import { blockOf, halvesOf, splitBy, type BlockPart } from './block-part.js';

/** Records that `processBlocks` gives up, and why. */
export interface BlockFailure<T = KinesisRecord> {
  /** The whole block, as it came, or the part of it that fails, with the exact ranges of its records. */
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
  /** Whether the last call of the handler has failed, with the error of the part. */
  #hasFailed = false;

  constructor(part: BlockPart<B>, policy: HandlingPolicy<B['records'][number]>) {
    this.#part = part;
    this.#policy = policy;
  }

  run(): Observable<never> {
    const { maxAttempts, retryDelayMs: initialDelayMs, scheduler, random } = this.#policy;
    return defer(() => this.#attempt()).pipe(
      retryWithBackOff(() => ({
        ...{ maxRetries: maxAttempts - 1, initialDelayMs, maxDelayMs: Math.max(initialDelayMs, MAX_RETRY_DELAY_MS), scheduler, random },
        shouldRetry: (error) => this.#isOfHandler(error) && !this.#isToBeCut && !this.#isHandedOver && !isFinal(error),
        notify: ({ delayMs }) => this.#tellRetry(delayMs),
        // When the shard stops, what waits is tried once more at once; after that, the delays are as long as ever.
        hurry$: defer(() => merge(...this.#shards.map((shard) => (shard.isStopping ? EMPTY : shard.stopping$)))),
      })),
      catchError((error: unknown) => this.#afterFailure(error)),
    );
  }

  /** Whether an error is the handler's, and neither that of `onFailure` nor one of the retries themselves. */
  #isOfHandler(error: unknown): boolean {
    return this.#hasFailed && Object.is(error, this.#part.error);
  }

  get #shards(): readonly TrackedShard[] {
    return entriesOf(this.#part.whole.block.ranges).map(({ shard }) => shard);
  }

  /**
   * Whether another worker waits for the shard: that one handles the block, from the checkpoint on. Where no pipeline of `mergeShards` takes the error, it
   * would end the whole stream.
   */
  get #isHandedOver(): boolean {
    return this.#shards.some(({ isHandedOver, pipeline }) => isHandedOver && pipeline.isSupervised);
  }

  get #isToBeCut(): boolean {
    return this.#policy.bisectOnError && this.#part.indices.length > 1;
  }

  #attempt(): Observable<never> {
    this.#hasFailed = false;
    const old = this.#takeOld();
    // Others may have become too old while these are given up.
    if (old)
      return concat(
        this.#giveUp(old, 'age'),
        defer(() => this.#attempt()),
      );
    return this.#part.indices.length > 0 ? this.#call() : EMPTY;
  }

  /** Takes the records that are too old out of the part; `undefined` if there is none. */
  #takeOld(): BlockPart<B> | undefined {
    const { maxRecordAgeMs, scheduler } = this.#policy;
    if (maxRecordAgeMs === Infinity) return undefined;
    const oldestMs = scheduler.now() - maxRecordAgeMs;
    const [old, fresh] = splitBy(this.#part, ({ approximateArrivalTimestamp: at }) => (at?.getTime() ?? Infinity) < oldestMs);
    this.#part = fresh;
    return old.indices.length > 0 ? old : undefined;
  }

  #call(): Observable<never> {
    const call$ = defer(() => {
      this.#part = { ...this.#part, attempts: this.#part.attempts + 1 };
      return awaitable('handler', this.#policy.handler(blockOf(this.#part)));
    });
    const noteFailure = (error: unknown): void => {
      this.#part = { ...this.#part, error };
      this.#hasFailed = !(error instanceof NotAwaitable);
    };
    return call$.pipe(ignoreElements(), tap({ error: noteFailure }));
  }

  #afterFailure(error: unknown): Observable<never> {
    const { onFailure } = this.#policy;
    if (!this.#isOfHandler(error) || this.#isHandedOver || !onFailure) throw error;
    if (!this.#isToBeCut) return this.#giveUp(this.#part, 'error');
    this.#tellRetry(0);
    return concat(...halvesOf(this.#part).map((half) => handled(half, this.#policy)));
  }

  #giveUp(part: BlockPart<B>, reason: BlockFailure['reason']): Observable<never> {
    const { attempts, error } = part;
    const block = blockOf(part);
    return defer(() => {
      reportWork(part.whole.block.ranges, block, { type: 'blockFailed', reason, attempts, ...(attempts > 0 && { error }) });
      return awaitable('onFailure', this.#policy.onFailure!({ block, reason, attempts, error }));
    }).pipe(ignoreElements());
  }

  #tellRetry(delayMs: number): void {
    const { attempts: attempt, error } = this.#part;
    reportWork(this.#part.whole.block.ranges, blockOf(this.#part), { type: 'blockRetry', attempt, delayMs, error });
  }
}

/** The answer of a user's function is nothing that can be waited for. */
class NotAwaitable extends InvalidConfigError {
  override readonly name = 'InvalidConfigError';
}

/** Work that nobody can wait for would count as done before it is: also an array, which may be one of promises. @throws NotAwaitable */
function awaitable(name: string, answer: ObservableInput<unknown>): ObservableInput<unknown> {
  const isList = Array.isArray(answer) || typeof answer === 'string';
  if (isObservableInput(answer) && !isList) return answer;
  const advice = Array.isArray(answer) ? ': wait for all of it with Promise.all or forkJoin' : '';
  throw new NotAwaitable(
    `${name}: expected it to return a promise or an Observable that ends with the work, got ${shown(answer)}${advice}`,
  );
}

/** The bound of the delay between two calls, in ms. */
const MAX_RETRY_DELAY_MS = 60_000;
