import { from, merge } from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import type { StoredBlock } from '../../lib/blocks/stored-block.js';
import type { Block } from '../../lib/values/block.js';

/** A store in memory that holds these blocks. */
export function holding(blocks: Readonly<Record<string, Block>>): BlockStore {
  const store = memoryBlocks();
  merge(...Object.values(blocks).map((block) => store.put(block))).subscribe();
  return store;
}

/** What `storeBlocks` emits for a block. */
export function handleOf({ id, ranges, recovered }: Block): StoredBlock {
  return { id, ranges, recovered };
}

/** The ids of the blocks that a store in memory holds now. */
export function idsHeldBy(store: BlockStore): string[] {
  const ids: string[] = [];
  from(store.list()).subscribe((id) => ids.push(id));
  return ids;
}
