import { concat, defer, from, merge, mergeMap, Subject, takeUntil, tap, type MonoTypeOperatorFunction, type ObservableInput } from 'rxjs';
import { RaisedAlerts, type Alert } from '../monitoring/alert.js';
import { asAlert, assertAlerts } from '../monitoring/stopWhen.js';
import { hasRanges, misplaced } from '../tracking/misplaced.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';

/**
 * Holds blocks back while an alert is raised, and lets them go on in order when none is any more.
 *
 * @remarks
 * Nothing is lost and the order is kept. What has passed is worked on further, settled and checkpointed. The blocks that are held are open, so they count
 * for `maxInFlightRecords` and `maxInFlightBytes`: the shard is read on until that much is in flight, and then pauses too. That, and not the time, bounds
 * what is held. So it must stand behind `withSequenceRanges`, where the reader knows of the blocks: records are refused. Leases are renewed meanwhile.
 *
 * An alert that can only be cleared by work that is held here never is: pause for `highErrorRate`, whose window empties, and not for `stuckShards`. Each
 * subscription begins unpaused: give it alerts with `shareAlerts`, so that a pipeline that is restarted knows of those raised before. Alerts that
 * complete hold nothing back any more.
 *
 * A source that completes waits until what is held has passed; at a `stop` that is for `stopTimeoutMs` at most, and what was held then comes again after
 * the restart. Errors: the source's and those of the alerts, at once; `InvalidConfigError` for what is no block or no alert. Unsubscribing, and an error, drop what is
 * held: it is not settled, and comes again.
 *
 * @param alert$ - alerts of any kinds, merged.
 * @throws InvalidConfigError when called with what is no Observable.
 *
 * @example
 * ```ts
 * const events = new Subject<KinesisEvent>();
 * const alert$ = events.pipe(highErrorRate({ windowMs: 60_000 }), shareAlerts());
 * const work$ = shard.pipe(bufferTime(200), withSequenceRanges(), pauseWhen(alert$), concatMap(work), checkpointEvery(30_000));
 * ```
 */
export function pauseWhen<T extends { readonly ranges: SequenceNumberRanges }>(
  alert$: ObservableInput<Alert>,
): MonoTypeOperatorFunction<T> {
  assertAlerts(alert$);
  return (source) =>
    defer(() => {
      const ended$ = new Subject<void>();
      const gate = new Gate<T>(() => ended$.next());
      // The alerts first: one that is raised already holds back the first block.
      const released$ = concat(
        defer(() => from(alert$)).pipe(mergeMap((alert) => gate.note(asAlert(alert)))),
        defer(() => gate.noteNone()),
      );
      const passed$ = source.pipe(
        mergeMap((block) => gate.pass(asBlock(block))),
        tap({ complete: () => gate.close() }),
      );
      return merge(released$.pipe(takeUntil(ended$)), passed$);
    });
}

/** Lets blocks through, or keeps them in order until it may. */
class Gate<T> {
  readonly #emptied: () => void;
  readonly #raised = new RaisedAlerts();
  #held: T[] = [];
  /** How many of them have gone on: an array whose first is taken away would be moved each time. */
  #gone = 0;
  #isReleasing = false;
  #isClosed = false;

  /** @param emptied - called when the source is complete and nothing is held any more. */
  constructor(emptied: () => void) {
    this.#emptied = emptied;
  }

  /** A block has come: gives it, if it may go on. */
  pass(block: T): readonly T[] {
    // One that comes while others are on their way out goes behind them.
    if (this.#raised.isEmpty && !this.#isReleasing && this.#isEmpty) return [block];
    this.#held.push(block);
    return [];
  }

  /** An alert has come: gives what may go on by that. */
  note(alert: Alert): Iterable<T> {
    this.#raised.take(alert);
    return this.#release();
  }

  /** No alert will come any more, so that nobody would clear those that are raised. */
  noteNone(): Iterable<T> {
    this.#raised.clear();
    return this.#release();
  }

  /** No block will come any more. */
  close(): void {
    this.#isClosed = true;
    this.#endIfEmpty();
  }

  /** In a loop, which an alert that is raised meanwhile ends. */
  *#release(): Generator<T> {
    if (this.#isReleasing) return;
    this.#isReleasing = true;
    while (this.#raised.isEmpty && !this.#isEmpty) yield this.#held[this.#gone++]!;
    this.#held = this.#held.slice(this.#gone);
    this.#gone = 0;
    this.#isReleasing = false;
    this.#endIfEmpty();
  }

  #endIfEmpty(): void {
    if (this.#isClosed && this.#isEmpty) this.#emptied();
  }

  get #isEmpty(): boolean {
    return this.#gone === this.#held.length;
  }
}

function asBlock<T>(value: T): T {
  if (hasRanges(value)) return value;
  throw misplaced('pauseWhen: expected a block, or an object with its ranges', value, 'put it behind withSequenceRanges');
}
