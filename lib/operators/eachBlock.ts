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
  /** The time between two checkpoints of a shard, in ms. Above 0; `Infinity` writes at the end only. @defaultValue 30_000 */
  readonly intervalMs?: number;
  /** Ends the iteration with the signal's reason when it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Iterates over blocks with `for await`: a block is settled when the loop asks for the next one.
 *
 * @remarks
 * Nothing is lost, order is kept, and one block is handed out at a time; what waits behind it is bounded by the credit of its
 * shard, since unsettled blocks pause the reader. Settled blocks are checkpointed as by {@link checkpointEvery}.
 *
 * `break`, `return`, a throw in the loop and an abort close the iteration at once: requests are aborted, the block in hand is
 * not settled, and a last write is started. When the blocks end, the last write is awaited before the loop ends.
 * Subscribes when the loop asks for the first block; each `for await` subscribes for itself.
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
  assertKnownFields(config, { ...CHECKPOINTING_FIELDS, intervalMs: true, signal: true });
  const { intervalMs = 30_000, signal, ...checkpointing } = config;
  if (signal !== undefined && !isAbortSignal(signal)) throw new InvalidConfigError('signal: expected an AbortSignal');
  const settle = checkpointEvery<T>(intervalMs, checkpointing);
  return { [Symbol.asyncIterator]: () => iterate(blocks$, settle, signal) };
}

function iterate<T>(blocks$: Observable<T>, settle: MonoTypeOperatorFunction<T>, signal: AbortSignal | undefined): AsyncIterator<T> {
  /** The loop asks for another block: it is done with the one in hand. */
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
    // The iterator of rxjs-for-await ends only with its next value: complete what it waits for first.
    return: () => {
      closed$.next();
      return values.return(undefined);
    },
  };
}

/** Says that the loop asks for another, once it has had one. */
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
