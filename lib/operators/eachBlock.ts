import {
  concatMap,
  ignoreElements,
  map,
  merge,
  mergeMap,
  NEVER,
  Observable,
  Subject,
  take,
  takeUntil,
  throwError,
  type MonoTypeOperatorFunction,
} from 'rxjs';
import { eachValueFrom } from 'rxjs-for-await';
import { abortedBy, isAbortSignal } from '../internal/notifierOf.js';
import { assertKnownFields } from '../internal/validate.js';
import { InvalidConfigError } from '../values/errors.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import { checkpointEvery, CHECKPOINTING_FIELDS, type CheckpointEveryConfig } from './checkpointEvery.js';

/** How {@link eachBlock} iterates, and writes checkpoints. */
export interface EachBlockConfig extends CheckpointEveryConfig {
  /** The time between two checkpoints of a shard, in ms. From 1 up; `Infinity` writes at the end only. @defaultValue 30_000 */
  readonly intervalMs?: number | undefined;
  /** When it is aborted, the iteration throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Iterates over blocks with `for await`: a block is settled when the loop asks for the next one.
 *
 * @remarks
 * Nothing is lost, order is kept, and the loop gets one block at a time. The blocks that wait are bounded by the credit of their
 * shard, since unsettled blocks pause the reader. Settled blocks are checkpointed as by {@link checkpointEvery}.
 *
 * `break`, `return`, a throw in the loop and an abort end the iteration at once: they abort requests, do not settle the present block,
 * and start a last write. When the source completes, the loop ends after the last write. Subscribes when the loop asks for the first
 * block; each `for await` has its own subscription.
 *
 * Errors: those of the source, after the last write; the signal's reason; those of `checkpointEvery`.
 *
 * @throws InvalidConfigError when called with a config that cannot work.
 *
 * @example
 * ```ts
 * const blocks$ = kinesisStream(config).pipe(mergeShards((shard) => shard.pipe(bufferTime(200), withSequenceRanges())));
 * for await (const block of eachBlock(blocks$)) await save(block);
 * ```
 */
export function eachBlock<T extends { readonly ranges: SequenceNumberRanges }>(
  blocks$: Observable<T>,
  config: EachBlockConfig = {},
): AsyncIterable<T> {
  if (typeof (blocks$ as Partial<Observable<T>> | null | undefined)?.pipe !== 'function')
    throw new InvalidConfigError('eachBlock: expected an Observable of blocks');
  assertKnownFields(config, { ...CHECKPOINTING_FIELDS, intervalMs: true, signal: true });
  const { intervalMs = 30_000, signal, ...checkpointing } = config;
  if (signal !== undefined && !isAbortSignal(signal)) throw new InvalidConfigError('signal: expected an AbortSignal');
  const settle = checkpointEvery<T>(intervalMs, checkpointing);
  return { [Symbol.asyncIterator]: () => iterate(blocks$, settle, signal) };
}

function iterate<T>(blocks$: Observable<T>, settle: MonoTypeOperatorFunction<T>, signal: AbortSignal | undefined): AsyncIterator<T> {
  /** Emits when the loop asks for another block, since it has then finished with the present one. */
  const asked$ = new Subject<void>();
  const closed$ = new Subject<void>();

  const handedOut$ = new Observable<T>((loop) => {
    const handOut = (block: T): Observable<T> => {
      loop.next(block);
      return asked$.pipe(
        take(1),
        map(() => block),
      );
    };
    return blocks$.pipe(concatMap(handOut), settle, ignoreElements(), takeUntil(merge(closed$, abortOf(signal)))).subscribe(loop);
  });

  const values = oneAtATime(eachValueFrom(handedOut$), asked$);
  return {
    next: () => values.next(),
    // The iterator of rxjs-for-await ends only after the value for which it waits: so complete its source first.
    return: () => {
      closed$.next();
      return values.return(undefined);
    },
  };
}

/** Yields the values; emits through `asked$` when the loop asks for the next one. */
async function* oneAtATime<T>(values: AsyncIterableIterator<T>, asked$: Subject<void>): AsyncGenerator<T, undefined> {
  for await (const value of values) {
    yield value;
    asked$.next();
  }
  return undefined;
}

/** Errors with the signal's reason when it is aborted. */
function abortOf(signal: AbortSignal | undefined): Observable<never> {
  return signal ? abortedBy(signal).pipe(mergeMap(() => throwError(() => signal.reason as unknown))) : NEVER;
}
