import { concat, concatMap, defer, EMPTY, from, tap, type Observable } from 'rxjs';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import type { KinesisEvent } from '../monitoring/events.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { Block } from '../values/block.js';
import type { KinesisRecord } from '../values/record.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import { rangeOfLost, RecordRestorer } from './lost-records.js';
import type { LostRecords, LostWork } from './lost-work.js';
import { restoreBlock, type RestoreBlockOptions } from './restore-block.js';

/** How lost work is re-read. */
export interface RecoveryOptions extends RestoreBlockOptions {
  /** Where the progress of the shards is kept. @defaultValue each shard's own store */
  readonly store?: CheckpointStore;
}

/** Re-reads lost blocks and records and enters the result in the ledger like any other. */
export class Recovery {
  readonly #lost: LostWork;
  readonly #options: RecoveryOptions;
  #resuming: readonly TrackedShard[] = [];
  #isUnderWay = false;

  constructor(lost: LostWork, options: RecoveryOptions) {
    this.#lost = lost;
    this.#options = options;
  }

  /** The source has failed: the shards whose work continues resume after the last delivered record. */
  begin(error: unknown): void {
    this.#isUnderWay = true;
    const { blocks, records, shards } = this.#lost.find();
    this.#resuming = shards;
    for (const shard of this.#resuming) shard.resumeAfterDelivered();
    const ranges = [...blocks.flatMap((block) => block.ranges), ...records.map(rangeOfLost)];
    this.#notify({ type: 'recoveryStarted', ranges, error });
  }

  /** The pipeline is over: a later subscription to one of the shards does not belong to it. */
  cancel(): void {
    for (const shard of this.#resuming) shard.cancelResume();
  }

  /** Re-emits everything that is lost: first whole blocks, then what was on its way into one, cut into blocks by page. */
  emitLost(): Observable<Block | KinesisRecord> {
    return defer(() => {
      if (!this.#isUnderWay) return EMPTY;
      const { blocks, records: lostRecords } = this.#lost.find();
      let records = 0;
      return concat(
        from(blocks).pipe(concatMap((ranges) => this.#restoreBlock(ranges))),
        from(lostRecords).pipe(concatMap((lost) => this.#restoreRecords(lost))),
      ).pipe(
        tap({
          next: (value) => void (records += 'records' in value ? value.records.length : 1),
          complete: () => {
            this.#isUnderWay = false;
            this.#notify({ type: 'recovered', ranges: blocks.length + lostRecords.length, records });
          },
        }),
      );
    });
  }

  #restoreBlock(lost: SequenceNumberRanges): Observable<Block> {
    return restoreBlock(lost, this.#options).pipe(tap(() => this.#lost.noteRecovered(lost)));
  }

  /** Records keep their place in the ledger, so blocks made of them claim what the lost ones would have claimed. */
  #restoreRecords(lost: LostRecords): Observable<Block | KinesisRecord> {
    const { reread } = lost.shard;
    if (!reread) return EMPTY;
    const { retryTimeoutMs } = this.#options;
    const restorer = new RecordRestorer(lost);
    // What the store says is done, by whomever, need not be re-emitted.
    return lost.shard
      .readStored(this.#options.store)
      .pipe(
        concatMap((settled) => reread([rangeOfLost(lost)], { retryTimeoutMs }).pipe(concatMap((page) => restorer.restore(page, settled)))),
      );
  }

  #notify(event: KinesisEvent): void {
    this.#resuming[0]?.notify(event);
  }
}
