import type { Block } from '../values/block.js';
import { barePosition } from '../values/position.js';
import type { KinesisRecord } from '../values/record.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import { hasRanges, isRecord, misplaced } from '../tracking/misplaced.js';
import { TrackedRecord, type Delivery } from '../tracking/tracked-record.js';
import type { DeliveryPoint, UnclaimedRun } from '../ledger/deliveries.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import { entriesOf } from '../tracking/tracked-block.js';

/** Records that were delivered and had not come into a block: they come back as records from here on. */
export interface LostRecords {
  readonly shard: TrackedShard;
  readonly run: UnclaimedRun;
  /** The last record that is not lost. The run may begin before it. */
  readonly after: DeliveryPoint;
  /** Whether blocks are to be made of them. */
  readonly asBlocks: boolean;
}

/** What a failure upstream has taken away, in the order in which it is to come again. */
export interface Lost {
  /** Blocks, by their ranges. */
  readonly blocks: readonly SequenceNumberRanges[];
  readonly records: readonly LostRecords[];
  /** The shards whose reading resumes after the last delivered record, once all this has been re-emitted. */
  readonly shards: readonly TrackedShard[];
}

/**
 * Watches what passes a place in a pipeline, to tell after a failure what was delivered and has not passed.
 *
 * @remarks
 * Pure. A shard of which nothing has passed is left out: its reading restarts at its watermark, and nothing is repeated by
 * that. Blocks that have passed are being worked on further down: they are not lost.
 */
export class LostWork {
  /** The shards seen, and for those seen as records the last one that passed. */
  readonly #seen = new Map<TrackedShard, DeliveryPoint | 'blocks'>();
  readonly #passed = new WeakSet<SequenceNumberRanges>();
  /** Blocks that an error named as lost, until they have come again. */
  readonly #named = new Set<SequenceNumberRanges>();

  readonly #assertUsable: (shard: TrackedShard) => void;

  /** @param assertUsable - called with each shard that is new here; throws if there is something wrong with it. */
  constructor(assertUsable: (shard: TrackedShard) => void = () => undefined) {
    this.#assertUsable = assertUsable;
  }

  /** A block or a record passes. */
  notePassed(value: Block | KinesisRecord): void {
    if (hasRanges(value)) this.#notePassedBlock(value.ranges);
    else if (isRecord(value)) {
      const delivery = TrackedRecord.deliveryOf(value);
      if (delivery) this.#notePassedRecord(value, delivery);
    } else throw misplaced('recoverFrom: expected a block or a record', value, 'put it behind withSequenceRanges');
  }

  /** An error names a block as lost. */
  noteLost(ranges: SequenceNumberRanges): void {
    const [first] = entriesOf(ranges);
    this.#named.add(this.#lose(first?.entry.key ?? ranges));
  }

  /** A lost block has come again. */
  noteRecovered(ranges: SequenceNumberRanges): void {
    this.#named.delete(ranges);
  }

  /** What is lost if the source fails now. */
  find(): Lost {
    this.#forgetFinished();
    const queues = new Map<TrackedShard, Set<SequenceNumberRanges>>();
    const records: LostRecords[] = [];
    for (const [shard, passed] of this.#seen) {
      if (passed === 'blocks') queues.set(shard, this.#lostBlocksOf(shard));
      records.push(...lostRecordsOf(shard, passed));
    }
    // Named ones last: those that still hold a shard's watermark are among the others already, in their shard's order.
    const blocks = new Set([...inOrder(queues), ...this.#named]);
    return { blocks: [...blocks], records, shards: [...this.#seen.keys()] };
  }

  #lostBlocksOf({ ledger }: TrackedShard): Set<SequenceNumberRanges> {
    const keys = ledger.openEntries().map(({ key }) => key);
    return new Set(keys.filter((key) => !this.#passed.has(key)).map((key) => this.#lose(key)));
  }

  #notePassedRecord(record: KinesisRecord, { shard, ordinal, bytesThrough }: Delivery): void {
    this.#note(shard, { ordinal, position: barePosition(record), bytesThrough });
  }

  #notePassedBlock(ranges: SequenceNumberRanges): void {
    for (const { shard, entry } of entriesOf(ranges)) {
      // The key, since a recovered block has ranges of its own and the entry of the lost one.
      this.#passed.add(entry.key);
      this.#note(shard, 'blocks');
    }
  }

  /** The whole block is re-read, so all its shards must resume; restarting one would emit its part twice. */
  #lose(key: SequenceNumberRanges): SequenceNumberRanges {
    for (const { shard } of entriesOf(key)) if (!this.#seen.has(shard)) this.#note(shard, 'blocks');
    return key;
  }

  /** A shard that is new is the occasion to let go of those that are finished. */
  #note(shard: TrackedShard, passed: DeliveryPoint | 'blocks'): void {
    if (!this.#seen.has(shard)) {
      this.#assertUsable(shard);
      this.#forgetFinished();
    }
    this.#seen.set(shard, passed);
  }

  #forgetFinished(): void {
    for (const shard of this.#seen.keys()) if (shard.ledger.isFinished) this.#seen.delete(shard);
  }
}

function lostRecordsOf(shard: TrackedShard, passed: DeliveryPoint | 'blocks'): LostRecords[] {
  const asBlocks = passed === 'blocks';
  const after = asBlocks ? shard.ledger.claimed : passed;
  return shard.ledger.unclaimedAfter(after.ordinal).map((run) => ({ shard, run, after, asBlocks }));
}

/** The blocks of several shards, in an order that each shard's own agrees with: a block of two comes when both are at it. */
function inOrder(queues: ReadonlyMap<TrackedShard, Set<SequenceNumberRanges>>): SequenceNumberRanges[] {
  const ordered: SequenceNumberRanges[] = [];
  const queuesWith = (key: SequenceNumberRanges): Set<SequenceNumberRanges>[] =>
    entriesOf(key)
      .flatMap(({ shard }) => queues.get(shard) ?? [])
      .filter((queue) => queue.has(key));
  const isNext = (key: SequenceNumberRanges): boolean => queuesWith(key).every((queue) => queue.values().next().value === key);

  for (let before = -1; before < ordered.length;) {
    before = ordered.length;
    for (const queue of queues.values()) {
      for (const key of queue) {
        if (!isNext(key)) break;
        for (const other of queuesWith(key)) other.delete(key);
        ordered.push(key);
      }
    }
  }
  return ordered;
}
