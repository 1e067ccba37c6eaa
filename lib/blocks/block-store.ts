import type { ObservableInput } from 'rxjs';
import type { Block } from '../values/block.js';

/**
 * Keeps the records of blocks while only their handles are in memory.
 *
 * @remarks
 * A block is identified by its `id`, which follows from its ranges. The store keeps a copy for speed: Kinesis has the records
 * too, so a store that has lost a block emits `undefined` or errors, and never emits another block. Every call may return any
 * `ObservableInput`, so a store of your own may return Promises, arrays or iterables.
 */
export interface BlockStore {
  /** Keeps a block, in place of one with the same id. Values are ignored; completion means that the block is as durable as promised. */
  put(block: Block): ObservableInput<unknown>;
  /** Emits the block with this id, or `undefined` when there is none. Errors when the block is damaged (`retriable: false`), or the store failed. */
  get(id: string): ObservableInput<Block | undefined>;
  /** Deletes a block; it is no error when there is none. Values are ignored. */
  delete(id: string): ObservableInput<unknown>;
  /** Emits the id of each block in the store. */
  list(): ObservableInput<string>;
}

/** The calls of a {@link BlockStore}. */
export const BLOCK_STORE_CALLS = ['put', 'get', 'delete', 'list'] as const;
