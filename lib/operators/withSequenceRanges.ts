import { defer, Observable, type OperatorFunction } from 'rxjs';
import { subscribeWithin } from '../internal/subscribe-within.js';
import { entriesOf, notRecords, openBlock } from '../tracking/tracked-block.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { Block } from '../values/block.js';
import type { KinesisRecord } from '../values/record.js';

/**
 * Turns each array of records into a {@link Block} with its exact ranges, and enters it in the ledger: from then on, the shard's
 * watermark waits until `checkpointEvery` settles the block.
 *
 * @remarks
 * Emits one block for each array, at once and in order; drops empty arrays. A block has one range for each run of records of a shard that
 * were read one after the other. Records that a filter dropped before this operator do not hold the watermark. A block that is dropped
 * after this operator holds it, which `checkpointEvery` reports: map the block to something smaller instead. Keep the order of records
 * before this operator: it errors with an `OutOfOrderError` for a record that comes twice or after a later one.
 *
 * Buffers nothing and has no timer.
 *
 * Errors: those of the source; `OutOfOrderError`; `InvalidConfigError` at the first value that is not an array of records.
 *
 * @example
 * ```ts
 * shard.pipe(bufferTime(200), withSequenceRanges(), concatMap((block) => save(block)), checkpointEvery(30_000));
 * ```
 */
export function withSequenceRanges(): OperatorFunction<readonly KinesisRecord[], Block> {
  return (source) =>
    defer(() => {
      const shards = new Set<TrackedShard>();

      const remember = (block: Block): void => {
        for (const { shard } of entriesOf(block.ranges)) {
          if (shards.has(shard)) continue;
          for (const known of shards) if (known.isOver) shards.delete(known);
          shards.add(shard);
        }
      };

      return new Observable<Block>((subscriber) =>
        subscribeWithin(subscriber, source, {
          next: (records) => {
            if (!Array.isArray(records)) throw notRecords(records);
            if (records.length === 0) return;
            const block = openBlock(records);
            remember(block);
            subscriber.next(block);
          },
          complete: () => {
            shards.forEach((shard) => shard.pipeline.dropUnclaimed());
            subscriber.complete();
          },
        }),
      );
    });
}
