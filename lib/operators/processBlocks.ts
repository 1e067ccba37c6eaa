import {
  asyncScheduler,
  concat,
  merge,
  mergeMap,
  observeOn,
  of,
  queueScheduler,
  tap,
  type MonoTypeOperatorFunction,
  type ObservableInput,
  type SchedulerLike,
} from 'rxjs';
import { assertFunction, assertInteger, assertKnownFields, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import { hasRanges, isRecord, misplaced } from '../tracking/misplaced.js';
import type { Block } from '../values/block.js';
import { InvalidConfigError } from '../values/errors.js';
import type { KinesisRecord } from '../values/record.js';
import { shown } from '../values/shown.js';
import { lanesOf, wholeOf } from './block-part.js';
import { handled, type BlockFailure, type HandlingPolicy } from './part-handling.js';
import { inTurn } from './in-turn.js';
import { withQueue } from './with-queue.js';

/** What {@link processBlocks} does with blocks, and with those that fail. */
export interface ProcessBlocksConfig<T = KinesisRecord> {
  /**
   * What stays in order. `'shard'`: one block is handled after the other. `'partitionKey'`: the records of each partition key; a block is handled in as
   * many parts as `concurrency` says. @defaultValue 'shard'
   */
  readonly orderBy?: 'partitionKey' | 'shard' | undefined;
  /**
   * How many calls of the handler are under way at once, of each subscription, where `orderBy` is `'partitionKey'`, which needs it. From 1 up.
   * @defaultValue 1
   */
  readonly concurrency?: number | undefined;
  /** How often the handler is called with the same records before they count as failed. From 1 up; `Infinity` for no limit. @defaultValue 10 */
  readonly maxAttempts?: number | undefined;
  /** The bound of the delay before the second call, doubled with each further one up to 60 000, with full jitter; in ms. From 0 up. @defaultValue 1_000 */
  readonly retryDelayMs?: number | undefined;
  /**
   * Whether records that fail are cut in two at once, and handled half by half, down to the record that fails, which alone is tried `maxAttempts` times. Needs
   * `onFailure`. @defaultValue false
   */
  readonly bisectOnError?: boolean | undefined;
  /**
   * The age, by `approximateArrivalTimestamp`, above which records are given up in place of being handled, looked at before each call; in ms. From 1 up. Needs `onFailure`.
   * @defaultValue Infinity
   */
  readonly maxRecordAgeMs?: number | undefined;
  /**
   * Called with the records that are given up, to keep them elsewhere; they count as done when what it returns completes. When it fails, so does the operator.
   * @defaultValue the error of the handler is propagated
   */
  readonly onFailure?: ((failure: BlockFailure<T>) => ObservableInput<unknown>) | undefined;
  /** Every timer and clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Returns a number from 0 up to 1, for the jitter. @defaultValue Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Calls `handler` with each block and emits the block when that is done: `concatMap`, with the policy for failures that Lambda has for its event sources.
 *
 * @remarks
 * A call that fails is made again after a delay (exponential back-off with full jitter), while the blocks behind it wait; an error with `retriable: false` is not tried
 * again. Records that fail to the end go to `onFailure`, and then their block is done too; without `onFailure` the error is propagated, `mergeShards` restarts the
 * shard, and the block is delivered again. So nothing is lost, and nothing is given up in silence: the events `blockRetry` and `blockFailed` tell.
 *
 * The handler gets the whole block, or a part of it with exact ranges and an id of its own: the records of some partition keys, or half of what failed.
 * What it returns is subscribed to, its values are ignored, and its completion means that the work is done. It may be called again with records that it had worked on in
 * part, and after a restart with all that was not settled; so may `onFailure`. Ten attempts take about two minutes.
 *
 * With `orderBy: 'shard'` blocks are emitted in order. With `'partitionKey'`, the keys are spread over `concurrency` lanes by their hash, each of which handles its
 * part of one block after the other; a block is emitted when all of its parts are done, perhaps after later ones. Blocks wait here for their turn, as many as
 * `maxInFlightRecords` allows.
 *
 * Errors: those of the source, of a handler without `onFailure`, and of `onFailure`; `InvalidConfigError` for what is no block, and for a handler that returns nothing
 * that can be waited for. An error drops what is under way, and so does an unsubscription, which unsubscribes from what the handler returned.
 *
 * @param handler - does the work for a block or a part of one.
 * @throws InvalidConfigError when called with a number out of range, or with options that do not go together.
 *
 * @example
 * ```ts
 * shard.pipe(
 *   bufferTime(200),
 *   withSequenceRanges(),
 *   processBlocks((block) => save(block), { bisectOnError: true, onFailure: ({ block }) => keep(JSON.stringify(block.ranges)) }),
 *   checkpointEvery(30_000),
 * );
 * ```
 */
export function processBlocks<B extends Block>(
  handler: (block: Block<B['records'][number]>) => ObservableInput<unknown>,
  config: ProcessBlocksConfig<B['records'][number]> = {},
): MonoTypeOperatorFunction<B> {
  const { lanes, ...policy } = resolve(handler, config);
  if (lanes === 1)
    return (source) =>
      source.pipe(
        tap<B>(assertBlock),
        inTurn((block) => concat(handled(wholeOf(block), policy), of(block))),
      );
  return (source) =>
    withQueue((queue) =>
      source.pipe(
        tap<B>(assertBlock),
        // A block that comes from within the handler waits until all parts of this one are in their lanes.
        observeOn(queueScheduler),
        mergeMap((block) => {
          const parts$ = [...lanesOf(block, lanes)].map(([lane, part]) => queue.run(`${lane}`, handled(part, policy)));
          return concat(merge(...parts$), of(block));
        }),
      ),
    );
}

/** @throws InvalidConfigError */
function assertBlock(block: Block): void {
  if (!hasRanges(block)) throw misplaced('processBlocks: expected a block', block, 'put it behind withSequenceRanges');
  const records: unknown = (block as Partial<Block>).records;
  if (!Array.isArray(records)) throw new InvalidConfigError('processBlocks: expected a block with its records: put it behind loadBlocks');
  if (records.every((record) => isRecord(record) && typeof record.partitionKey === 'string')) return;
  throw new InvalidConfigError('processBlocks: expected records with the fields of a KinesisRecord: keep those when you add your own');
}

function resolve<T>(handler: HandlingPolicy<T>['handler'], config: ProcessBlocksConfig<T>): HandlingPolicy<T> & { readonly lanes: number } {
  assertFunction('handler', handler);
  assertKnownFields(config, FIELDS);
  const { maxAttempts = 10, retryDelayMs = 1_000, bisectOnError = false } = config;
  const { maxRecordAgeMs = Infinity, onFailure, scheduler = asyncScheduler, random = Math.random } = config;
  const lanes = lanesIn(config);
  if (maxAttempts !== Infinity) assertInteger('maxAttempts', maxAttempts, 1);
  assertNumber('retryDelayMs', retryDelayMs, 0);
  if (typeof bisectOnError !== 'boolean')
    throw new InvalidConfigError(`bisectOnError: expected true or false, got ${shown(bisectOnError)}`);
  assertNumber('maxRecordAgeMs', maxRecordAgeMs, 1, true);
  if (onFailure !== undefined) assertFunction('onFailure', onFailure);
  else if (bisectOnError || maxRecordAgeMs !== Infinity)
    throw new InvalidConfigError(
      `onFailure: needed with ${bisectOnError ? 'bisectOnError' : 'maxRecordAgeMs'}, or the records that are given up would be lost`,
    );
  assertScheduler(scheduler);
  assertFunction('random', random);
  return { handler, lanes, maxAttempts, retryDelayMs, bisectOnError, maxRecordAgeMs, onFailure, scheduler, random };
}

/** How many calls of the handler there may be at once. Refuses one of the two options where the other one is missing: it would have no effect. */
function lanesIn<T>(config: ProcessBlocksConfig<T>): number {
  const { orderBy = 'shard', concurrency = 1 } = config;
  if (!ORDERS.includes(orderBy)) throw new InvalidConfigError(`orderBy: expected one of ${ORDERS.join(', ')}, got ${shown(orderBy)}`);
  assertInteger('concurrency', concurrency, 1);
  if (orderBy === 'shard' && concurrency > 1)
    throw new InvalidConfigError(
      `concurrency: ${concurrency} needs orderBy: 'partitionKey', since the blocks of a shard are handled one after another`,
    );
  if (orderBy === 'partitionKey' && config.concurrency === undefined)
    throw new InvalidConfigError("concurrency: needed with orderBy: 'partitionKey': how many calls of the handler are under way at once");
  return concurrency;
}

const ORDERS: readonly unknown[] = ['partitionKey', 'shard'];

const FIELDS: FieldsOf<ProcessBlocksConfig> = {
  orderBy: true,
  concurrency: true,
  maxAttempts: true,
  retryDelayMs: true,
  bisectOnError: true,
  maxRecordAgeMs: true,
  onFailure: true,
  scheduler: true,
  random: true,
};
