import { block, record } from '../../lib/testing/index.js';
import type { Block } from '../../lib/values/block.js';

/** Block `n` of ten records, with payloads of `bytes` bytes that cannot be compressed and differ from block to block. */
export function sizedBlock(n: number, bytes = 10_000, shardId = 'shardId-000000000000'): Block {
  let state = n * 2_654_435_761 + 1;
  const next = (): number => {
    state = Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e3779b9;
    return state & 255;
  };
  return block(
    ...Array.from({ length: 10 }, (_, i) =>
      record(n * 10 + i, { shardId, partitionKey: `key ${n}.${i}`, data: Uint8Array.from({ length: bytes / 10 }, next) }),
    ),
  );
}
