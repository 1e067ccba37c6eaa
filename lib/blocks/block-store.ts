import type { ObservableInput } from 'rxjs';
import type { Block } from '../values/block.js';

/**
 * Keeps the records of blocks while only their handles are in memory.
 *
 * @remarks
 * A block is found again by its `id`, which follows from its ranges. What is stored is a copy for speed: Kinesis has the records
 * too, so a store that has lost a block says so, and never answers with anything but the very block. Every call takes an
 * `ObservableInput`, so a store of your own may give Promises, arrays or iterables.
 */
export interface BlockStore {
  /** Keeps a block, in place of one with the same id. Values are ignored; completion means that it is kept as the store promises. */
  put(block: Block): ObservableInput<unknown>;
  /** Emits the block with this id, or `undefined` when there is none. One that is there but not whole is an error. */
  get(id: string): ObservableInput<Block | undefined>;
  /** Lets a block go; one that is not there is no error. Values are ignored. */
  delete(id: string): ObservableInput<unknown>;
  /** Emits the id of each block that is kept. */
  list(): ObservableInput<string>;
}

/** The calls of a {@link BlockStore}. */
export const BLOCK_STORE_CALLS = ['put', 'get', 'delete', 'list'] as const;
