import { concat, concatMap, defaultIfEmpty, defer, EMPTY, from, map, take, tap, toArray, type Observable } from 'rxjs';
import type { LostRecords, LostWork } from './lost-work.js';
import { entriesOf, replaceBlock } from '../tracking/tracked-block.js';
import { makeBlock, type Block } from '../values/block.js';
import { InvalidConfigError } from '../values/errors.js';
import type { Position } from '../values/position.js';
import type { KinesisEvent } from '../monitoring/events.js';
import { SequenceNumberRanges, type SequenceNumberRange } from '../values/sequence-range.js';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { RecordRestorer, rangeOfLost } from './lost-records.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import { type KinesisRecord, recordOf } from '../values/record.js';
import { shardKey } from '../values/shard-id.js';
import type { Reread } from '../readers/reread.js';

/** Brings lost blocks and records back: reads their ranges again and enters the result in the ledger like any other. */
export class Recovery {
  readonly #lost: LostWork;
  readonly #store: CheckpointStore;
  readonly #retryTimeoutMs: number;
  /** Reads ranges of blocks that no shard here has read. */
  readonly #readForeign: Reread | undefined;
  #resuming: readonly TrackedShard[] = [];
  #isUnderWay = false;

  constructor(lost: LostWork, store: CheckpointStore, retryTimeoutMs: number, readForeign: Reread | undefined) {
    this.#lost = lost;
    this.#store = store;
    this.#retryTimeoutMs = retryTimeoutMs;
    this.#readForeign = readForeign;
  }

  /** The source has failed: the shards whose work goes on are to be read on after the last delivered record. */
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

  /** Emits everything that is lost again: first whole blocks, then what was on its way into one, cut into blocks by page. */
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

  /** A lost block keeps its ranges, and so its id and its entry: the new one settles in place of the old one. */
  #restoreBlock(lost: SequenceNumberRanges): Observable<Block> {
    const ranges = new SequenceNumberRanges(lost.ranges);
    return this.#readBlock(lost).pipe(
      map((records) => {
        replaceBlock(lost, ranges);
        this.#lost.noteRecovered(lost);
        return makeBlock(records, ranges, true);
      }),
    );
  }

  #notify(event: KinesisEvent): void {
    this.#resuming[0]?.notify(event);
  }

  /** Reads each shard's ranges of the block in one go, then puts the runs into the order that they had. */
  #readBlock(lost: SequenceNumberRanges): Observable<readonly KinesisRecord[]> {
    const shards = new Map<string, SequenceNumberRange[]>();
    for (const range of lost.ranges) shards.set(shardKey(range), [...(shards.get(shardKey(range)) ?? []), range]);
    const readShard = ([key, own]: [string, SequenceNumberRange[]]): Observable<[string, KinesisRecord[]]> =>
      this.#readerFor(lost, own[0]!)(own, { retryTimeoutMs: this.#retryTimeoutMs }).pipe(
        toArray(),
        map((pages) => [key, pages.flat().map((fields) => recordOf(own[0]!, fields))]),
      );
    return from(shards).pipe(
      concatMap(readShard),
      toArray(),
      map((read) => {
        const queues = new Map(read);
        return lost.ranges.flatMap((range) => queues.get(shardKey(range))!.splice(0, range.recordCount));
      }),
    );
  }

  #readerFor(lost: SequenceNumberRanges, { streamName, shardId }: SequenceNumberRange): Reread {
    const shards = entriesOf(lost).map(({ shard }) => shard);
    const own = shards.find(({ identity }) => identity.shardId === shardId && identity.streamName === streamName);
    const reread = own?.reread ?? this.#readForeign;
    if (reread) return reread;
    throw new InvalidConfigError(
      `${streamName}/${shardId}: to read a block again that does not come from a shard, recoverFrom needs the option read`,
    );
  }

  /** Records keep their place in the ledger, so blocks made of them claim what the lost ones would have claimed. */
  #restoreRecords(lost: LostRecords): Observable<Block | KinesisRecord> {
    const { shard } = lost;
    const { reread } = shard;
    if (!reread) return EMPTY;
    const restorer = new RecordRestorer(lost);
    const retryTimeoutMs = this.#retryTimeoutMs;
    return this.#settledElsewhere(shard).pipe(
      concatMap((settled) => reread([rangeOfLost(lost)], { retryTimeoutMs }).pipe(concatMap((page) => restorer.restore(page, settled)))),
    );
  }

  /** What the store says is done, by whomever: it need not come again. */
  #settledElsewhere({ identity }: TrackedShard): Observable<Position | undefined> {
    return defer(() => from(this.#store.read(identity))).pipe(take(1), defaultIfEmpty(undefined));
  }
}
