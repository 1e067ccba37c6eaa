import { concat, concatMap, defer, EMPTY, from, merge, tap, type Observable } from 'rxjs';
import { reportBlock } from '../tracking/tracked-block.js';
import type { UnclaimedRun } from '../ledger/deliveries.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import type { Block } from '../values/block.js';
import type { KinesisRecord } from '../values/record.js';
import type { RangeToRead, SequenceNumberRange, SequenceNumberRanges } from '../values/sequence-range.js';
import { shardKey, type ShardName } from '../values/shard-id.js';
import { isBeheaded, rangeOfLost, RecordRestorer } from './lost-records.js';
import type { LostRecords, LostWork } from './lost-work.js';
import { byShard, restoreBlock, type RestoreBlockOptions } from './restore-block.js';

/** Re-reads lost blocks and records, and gives them the places of the lost ones in the ledger. */
export class Recovery {
  readonly #lost: LostWork;
  readonly #options: RestoreBlockOptions;
  /** The runs of which the head is gone: how many records are left of them is unknown. */
  readonly #beheaded = new WeakSet<UnclaimedRun>();
  #resuming: readonly TrackedShard[] = [];
  #isUnderWay = false;

  constructor(lost: LostWork, options: RestoreBlockOptions) {
    this.#lost = lost;
    this.#options = options;
  }

  /** Begins a recovery after the source has failed: the shards whose work continues will resume after the last delivered record. */
  begin(error: unknown): void {
    this.#isUnderWay = true;
    const { blocks, records, shards } = this.#lost.find();
    this.#resuming = shards;
    for (const shard of this.#resuming) shard.resumeAfterDelivered(this);
    const lost = byShard(rangesOf(blocks, records));
    for (const ranges of blocks) reportBlock('blockLost', ranges);
    this.#tell(lost, ({ streamName, shardId }, ranges, { notify }) =>
      notify({ type: 'recoveryStarted', streamName, shardId, ranges, error }),
    );
  }

  /** Emits when a shard in recovery must stop, so that no delay is worth waiting for. */
  readonly stopping$ = defer(() => merge(...this.#resuming.map((shard) => shard.stopping$)));

  /** Ends the recovery with its pipeline: a later subscription to one of the shards does not belong to it. */
  cancel(): void {
    for (const shard of this.#resuming) shard.cancelResume(this);
  }

  /** Re-emits everything that is lost: first the blocks, then the records in no block, one by one or as one block a page. */
  emitLost(): Observable<Block | KinesisRecord> {
    return defer(() => {
      if (!this.#isUnderWay) return EMPTY;
      const { blocks, records: lostRecords } = this.#lost.find();
      const lost = byShard(rangesOf(blocks, lostRecords));
      const emitted = new Map<string, number>();
      const count = (record: KinesisRecord): void => void emitted.set(shardKey(record), (emitted.get(shardKey(record)) ?? 0) + 1);
      return concat(
        from(blocks).pipe(concatMap((ranges) => this.#restoreBlock(ranges))),
        from(lostRecords).pipe(concatMap((lost) => this.#restoreRecords(lost))),
      ).pipe(
        tap({
          next: (value) => ('records' in value ? value.records : [value]).forEach(count),
          complete: () => {
            this.#isUnderWay = false;
            this.#tell(lost, (shard, { length: ranges }, { notify }) => {
              const { streamName, shardId } = shard;
              notify({ type: 'recovered', streamName, shardId, ranges, records: emitted.get(shardKey(shard)) ?? 0 });
            });
          },
        }),
      );
    });
  }

  #restoreBlock(lost: SequenceNumberRanges): Observable<Block> {
    const note = (block: Block): void => {
      this.#lost.noteRecovered(lost);
      reportBlock('blockRecovered', block.ranges);
    };
    return restoreBlock(lost, this.#options).pipe(tap(note));
  }

  /** Re-reads lost records. They keep their places in the ledger, so blocks made of them claim what the lost ones would have claimed. */
  #restoreRecords(lost: LostRecords): Observable<Block | KinesisRecord> {
    const { reread } = lost.shard;
    if (!reread) return EMPTY;
    const { retryTimeoutMs } = this.#options;
    return lost.shard.readStored().pipe(
      concatMap((stored) => {
        const restorer = new RecordRestorer(lost, stored);
        return reread([this.#rangeToAsk(lost)], { retryTimeoutMs }).pipe(
          concatMap((page, index) => {
            if (index === 0 && isBeheaded(lost, page)) this.#beheaded.add(lost.run);
            return restorer.restore(page);
          }),
        );
      }),
      tap({ complete: () => this.#lost.noteReread(lost) }),
    );
  }

  #rangeToAsk(lost: LostRecords): RangeToRead {
    const { recordCount, ...range } = rangeOfLost(lost);
    return this.#beheaded.has(lost.run) ? range : { ...range, recordCount };
  }

  /** Calls `tell` for each shard that resumes; ranges of other processes' shards go to the sink of the first of these. */
  #tell(
    lost: ReadonlyMap<string, readonly SequenceNumberRange[]>,
    tell: (shard: ShardName, ranges: readonly SequenceNumberRange[], sink: TrackedShard) => void,
  ): void {
    const [first] = this.#resuming;
    const foreign = new Map(lost);
    for (const shard of this.#resuming) {
      const key = shardKey(shard.identity);
      tell(shard.identity, lost.get(key) ?? [], shard);
      foreign.delete(key);
    }
    if (first) for (const ranges of foreign.values()) tell(ranges[0]!, ranges, first);
  }
}

function rangesOf(blocks: readonly SequenceNumberRanges[], records: readonly LostRecords[]): SequenceNumberRange[] {
  return [...blocks.flatMap((block) => block.ranges), ...records.map(rangeOfLost)];
}
