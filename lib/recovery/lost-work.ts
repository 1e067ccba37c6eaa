import type { Block } from '../values/block.js';
import { barePosition } from '../values/position.js';
import type { KinesisRecord } from '../values/record.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import { hasRanges, isRecord, misplaced } from '../tracking/misplaced.js';
import { deliveryOf, type Delivery } from '../tracking/delivery.js';
import type { DeliveryPoint, UnclaimedRun } from '../ledger/deliveries.js';
import type { TrackedShard } from '../tracking/tracked-shard.js';
import { entriesOf } from '../tracking/tracked-block.js';

/** A run of delivered records that are in no block and did not pass. */
export interface LostRecords {
  readonly shard: TrackedShard;
  readonly run: UnclaimedRun;
  /** The last record that is not lost. The run may begin before it. */
  readonly after: DeliveryPoint;
  /** Whether to make blocks of them, since blocks pass at this place in the pipeline. */
  readonly asBlocks: boolean;
}

/** The work that a failure upstream has lost, in the order in which to re-emit it. */
export interface Lost {
  /** Blocks, by their ranges. */
  readonly blocks: readonly SequenceNumberRanges[];
  readonly records: readonly LostRecords[];
  /** The shards whose reading resumes after the last delivered record, once all this has been re-emitted. */
  readonly shards: readonly TrackedShard[];
}

/**
 * Watches the values that pass a place in a pipeline, to find after a failure the records that were delivered and have not passed.
 *
 * @remarks
 * Pure. It leaves out a shard of which nothing has passed: its reading restarts at its watermark, and that repeats nothing; and one that is
 * finished or has no lease any more: another worker reads on at its checkpoint. Blocks that have passed are being worked on downstream, and
 * are not lost.
 */
export class LostWork {
  /** The shards seen: `'blocks'` if blocks passed, else the last record that passed. */
  readonly #seen = new Map<TrackedShard, DeliveryPoint | 'blocks'>();
  readonly #passed = new WeakSet<SequenceNumberRanges>();
  /** The blocks that an error named as lost, until they are recovered. */
  #named: Set<SequenceNumberRanges> | undefined;

  readonly #assertUsable: (shard: TrackedShard) => void;

  /** @param assertUsable - called with each shard at its first value; throws if the shard cannot be used here. */
  constructor(assertUsable: (shard: TrackedShard) => void = () => undefined) {
    this.#assertUsable = assertUsable;
  }

  /** Notes that a block or a record passes. */
  notePassed(value: Block | KinesisRecord): void {
    if (hasRanges(value)) this.#notePassedBlock(value.ranges);
    else if (isRecord(value)) {
      const delivery = deliveryOf(value);
      if (delivery) this.#notePassedRecord(value, delivery);
    } else throw misplaced('recoverFrom: expected a block or a record', value, 'put it behind withSequenceRanges');
  }

  /** Notes that an error names a block as lost. */
  noteLost(ranges: SequenceNumberRanges): void {
    const [first] = entriesOf(ranges);
    this.#named ??= new Set();
    this.#named.add(this.#lose(first?.entry.key ?? ranges));
  }

  /** Notes that a lost block has been recovered. */
  noteRecovered(ranges: SequenceNumberRanges): void {
    this.#named?.delete(ranges);
  }

  /** Notes that lost records have been re-read, and that those which were found have passed: the others are gone. */
  noteReread({ shard, run, asBlocks }: LostRecords): void {
    const end = { ordinal: run.lastOrdinal, position: run.last, bytesThrough: run.bytesThrough };
    if (asBlocks) shard.ledger.forgetThrough(end);
    else this.#note(shard, end);
  }

  /** Finds what is lost if the source fails now. */
  find(): Lost {
    this.#forgetOver();
    const queues = new Map<TrackedShard, Set<SequenceNumberRanges>>();
    const records: LostRecords[] = [];
    for (const [shard, passed] of this.#seen) {
      if (passed === 'blocks') queues.set(shard, this.#lostBlocksOf(shard));
      records.push(...lostRecordsOf(shard, passed));
    }
    // The named blocks come last: those that still hold a shard's watermark are among the others already, in their shard's order.
    const blocks = new Set([...inOrder(queues), ...(this.#named ?? [])]);
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
      // The entry's key identifies the block: a recovered block has new ranges, but the entry of the lost one.
      this.#passed.add(entry.key);
      this.#note(shard, 'blocks');
    }
  }

  /** Adds all shards of a lost block: the whole block is re-read, so all of them must resume; restarting one would emit its part twice. */
  #lose(key: SequenceNumberRanges): SequenceNumberRanges {
    for (const { shard } of entriesOf(key)) if (!this.#seen.has(shard)) this.#note(shard, 'blocks');
    return key;
  }

  /** Notes a shard; when it is new, forgets those that are over. */
  #note(shard: TrackedShard, passed: DeliveryPoint | 'blocks'): void {
    if (!this.#seen.has(shard)) {
      this.#assertUsable(shard);
      this.#forgetOver();
    }
    this.#seen.set(shard, passed);
  }

  #forgetOver(): void {
    for (const shard of this.#seen.keys()) if (shard.ledger.isFinished || shard.isOver) this.#seen.delete(shard);
  }
}

function lostRecordsOf(shard: TrackedShard, passed: DeliveryPoint | 'blocks'): LostRecords[] {
  const asBlocks = passed === 'blocks';
  const after = asBlocks ? shard.ledger.claimed : passed;
  return shard.ledger.unclaimedAfter(after.ordinal).map((run) => ({ shard, run, after, asBlocks }));
}

/** The blocks of several shards in one order that keeps the order of each shard: a block of two shards waits until it is next in both. */
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
