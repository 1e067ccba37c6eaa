import { from, noop, Observable, type MonoTypeOperatorFunction, type Subscriber, type Subscription } from 'rxjs';
import { subscribeWithin } from '../internal/subscribe-within.js';
import type { Shard } from '../shards/shard.js';
import { isDelivered, isUnsettled, rangesIn } from '../tracking/isUnsettled.js';
import { trackedShardOf, type TrackedShard } from '../tracking/tracked-shard.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';

/**
 * Mirrors a pipeline until the lease of its shard is lost, and tells the shard when the pipeline begins, and how it ended.
 *
 * @param fail - called with the error of the pipeline.
 */
export function supervised<T>(shard: Shard, fail: (error: unknown, subscriber: Subscriber<T>) => void): MonoTypeOperatorFunction<T> {
  const tracked = trackedShardOf(shard);
  return (pipeline$) =>
    new Observable<T>((subscriber) => {
      const pipeline = tracked && new SupervisedPipeline(tracked);
      let work: Subscription | undefined = undefined;
      // The pipeline is torn down first: what its end means depends on whether it was still reading the shard.
      const complete = (): void => {
        work?.unsubscribe();
        pipeline?.end(true);
        subscriber.complete();
      };
      subscribeWithin(subscriber, from(shard.leaseLost$), { next: complete, complete: noop });
      if (subscriber.closed) return;
      work = subscribeWithin(subscriber, pipeline$, {
        next: (value) => {
          pipeline?.note(value);
          subscriber.next(value);
        },
        error: (error) => {
          pipeline?.end(false);
          fail(error, subscriber);
        },
        complete: (source) => {
          source.unsubscribe();
          complete();
        },
      });
      subscriber.add(() => pipeline?.end(false));
    });
}

/**
 * One run of a shard's pipeline. If it emits unsettled work, operators downstream still work on it, and the end of the pipeline is not the end of the
 * work. If it emits no records, the records in no block at its end were dropped.
 */
class SupervisedPipeline {
  readonly #tracked: TrackedShard;
  /** The ranges of the blocks that the pipeline has emitted. */
  #emitted: WeakSet<SequenceNumberRanges> | undefined;
  #leavesWork = false;
  #leavesRecords = false;
  #hasEnded = false;

  constructor(tracked: TrackedShard) {
    this.#tracked = tracked;
    tracked.pipeline.begin();
  }

  /** Notes a value that the pipeline emits. */
  note(value: unknown): void {
    try {
      this.#inspect(value);
    } catch {
      // A getter that throws, or an array in itself, is the user's own affair. It may hold work all the same.
      this.#leavesWork = this.#leavesRecords = true;
    }
  }

  #inspect(value: unknown): void {
    this.#leavesWork ||= isUnsettled(value);
    this.#leavesRecords ||= isDelivered(value);
    if (this.#leavesRecords) return;
    this.#emitted ??= new WeakSet();
    for (const ranges of rangesIn(value)) this.#emitted.add(ranges);
  }

  /** Tells the shard how the pipeline ended; the first call counts. */
  end(completed: boolean): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const [leavesWork, leavesRecords] = [this.#leavesWork, this.#leavesRecords];
    this.#tracked.pipeline.end({ completed, leavesWork, leavesRecords, isBehind: (ranges) => this.#emitted?.has(ranges) ?? false });
    if (!completed || !this.#tracked.pipeline.isCutShort) return;
    this.#tracked.tell({ type: 'pipelineCompleted', records: this.#tracked.ledger.outstandingRecords });
  }
}
