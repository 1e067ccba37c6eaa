import { entriesOf } from './tracked-block.js';
import { InvalidConfigError } from '../values/errors.js';
import { endOf, type SequenceNumberRange, type SequenceNumberRanges } from '../values/sequence-range.js';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { TrackedShard } from './tracked-shard.js';
import { shardKey } from '../values/shard-id.js';

/** Settles blocks, and keeps the accounts of their shards until there is nothing more to write for them. */
export class Settlement {
  readonly #store: CheckpointStore | undefined;
  readonly #accounts = new Set<TrackedShard>();
  /** The accounts of blocks made by hand, by stream and shard. */
  readonly #byHand = new Map<string, TrackedShard>();

  /** @param store - written to in place of the store that each shard came with. */
  constructor(store: CheckpointStore | undefined) {
    this.#store = store;
  }

  /** The accounts that blocks have been settled in. */
  get accounts(): readonly TrackedShard[] {
    return [...this.#accounts];
  }

  /**
   * Settles the block with these ranges.
   *
   * @throws InvalidConfigError for a block made by hand when there is no store to write to.
   */
  settle(ranges: SequenceNumberRanges): void {
    const entries = entriesOf(ranges);
    if (entries.length === 0) ranges.ranges.forEach((range) => this.#settleByHand(range));
    for (const { shard, entry } of entries) {
      shard.ledger.settle(entry);
      this.#accounts.add(shard);
    }
  }

  /** Lets go of an account that is at its end. */
  forget(account: TrackedShard): void {
    this.#accounts.delete(account);
  }

  /** A block without an entry settles when it comes: in order of arrival. */
  #settleByHand(range: SequenceNumberRange): void {
    const { streamName, shardId } = range;
    const store = this.#store;
    if (!store) {
      throw new InvalidConfigError(
        `${streamName}/${shardId}: a block that does not come from a shard (or of copied records) needs the option store`,
      );
    }
    const key = shardKey(range);
    const account = this.#byHand.get(key) ?? new TrackedShard({ identity: { streamName, shardId, parentShardIds: [] }, store });
    this.#byHand.set(key, account);
    account.ledger.settleThrough(endOf(range));
    this.#accounts.add(account);
  }
}
