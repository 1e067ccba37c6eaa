import { defer, filter, map, tap, type OperatorFunction } from 'rxjs';
import type { Ledger } from '../ledger/ledger.js';
import { entriesOf, notRecords, openBlock } from '../tracking/tracked-block.js';
import type { Block } from '../values/block.js';
import type { KinesisRecord } from '../values/record.js';

/**
 * Makes each array of records a {@link Block} that knows its exact ranges, and opens its account: from here on, the shard's
 * watermark waits for it until `checkpointEvery` settles it.
 *
 * @remarks
 * Emits one block for each array, at once and in order; empty arrays are dropped. A block has one range for each run of
 * records of a shard that were read one after the other. Records that a filter dropped before this operator hold nothing up.
 * A block that is dropped after it holds the watermark, which `checkpointEvery` reports; map it to something smaller instead.
 * Keep the order of records before this operator: a record that comes twice or after a later one is an `OutOfOrderError`.
 *
 * Buffers nothing and has no timer.
 *
 * Errors: those of the source; `OutOfOrderError`; `InvalidConfigError` at the first value that is no array of records.
 *
 * @example
 * ```ts
 * shard.pipe(bufferTime(200), withSequenceRanges(), concatMap((block) => save(block)), checkpointEvery(30_000));
 * ```
 */
export function withSequenceRanges(): OperatorFunction<readonly KinesisRecord[], Block> {
  return (source) =>
    defer(() => {
      const ledgers = new Set<Ledger>();

      const remember = (block: Block): void => {
        for (const { shard } of entriesOf(block.ranges)) {
          const { ledger } = shard;
          if (ledgers.has(ledger)) continue;
          for (const known of ledgers) if (known.isFinished) ledgers.delete(known);
          ledgers.add(ledger);
        }
      };
      // Of a shard read to its end, what is in no block by now was dropped on the way here. Of another, a `takeUntil` may have
      // cut it off: it comes again.
      const dropUnclaimed = (): void => ledgers.forEach((ledger) => ledger.hasEnded && ledger.dropUnclaimed());

      return source.pipe(
        filter((records) => {
          if (!Array.isArray(records)) throw notRecords(records);
          return records.length > 0;
        }),
        map((records) => openBlock(records)),
        tap({ next: remember, complete: dropUnclaimed }),
      );
    });
}
