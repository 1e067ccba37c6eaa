import { defer, EMPTY, from, of } from 'rxjs';
import { assertInteger, assertKnownFields } from '../internal/validate.js';
import { decodeBlockSync, encodeBlockSync } from './block-codec.js';
import type { BlockStore } from './block-store.js';
import { BlockStoreError } from './errors.js';

/** How much {@link memoryBlocks} may hold. */
export interface MemoryBlocksConfig {
  /** The most bytes that all serialised blocks together may take. From 0 up. @defaultValue 67_108_864 */
  readonly maxBytes?: number | undefined;
}

/**
 * Keeps blocks in this process's memory, within a budget of bytes.
 *
 * @remarks
 * Blocks are kept serialised, so the budget counts the bytes that they take, and changing a payload after its block was stored does not
 * change the stored block. The process loses everything at its end. Every call answers synchronously. The payloads of a block that
 * `get` emits are views of the stored bytes: changing one makes the stored block unreadable, not wrong.
 *
 * Errors: `put` errors with a `BlockStoreError` whose `fault` is `full` when there is no room (retriable, unless the block alone is
 * bigger than the budget); it removes no other block. `put` errors with an `InvalidValueError` for a block whose records do not match
 * its ranges, and so does `get` for a block that was changed.
 *
 * @throws InvalidConfigError when called with a number out of range.
 *
 * @example
 * ```ts
 * const blocks = blockStore('MEMORY_ONLY', { memory: memoryBlocks({ maxBytes: 256 * 1024 * 1024 }) });
 * ```
 */
export function memoryBlocks(config: MemoryBlocksConfig = {}): BlockStore {
  assertKnownFields(config, { maxBytes: true });
  const { maxBytes = 64 * 1024 * 1024 } = config;
  assertInteger('maxBytes', maxBytes, 0);
  const kept = new KeptBytes(maxBytes);

  return {
    put: (block) =>
      defer(() => {
        kept.keep(block.id, encodeBlockSync(block));
        return EMPTY;
      }),
    get: (id) =>
      defer(() => {
        const bytes = kept.get(id);
        return of(bytes && decodeBlockSync(bytes, id));
      }),
    delete: (id) =>
      defer(() => {
        kept.remove(id);
        return EMPTY;
      }),
    list: () => defer(() => from(kept.ids())),
  };
}

/** Serialised blocks, and their size together. */
class KeptBytes {
  readonly #maxBytes: number;
  readonly #blocks = new Map<string, Uint8Array>();
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws BlockStoreError when there is no room; an older block with this id then stays. */
  keep(id: string, bytes: Uint8Array): void {
    const size = bytes.byteLength;
    const others = this.#usedBytes - this.#sizeOf(id);
    if (others + size > this.#maxBytes) {
      throw new BlockStoreError(`no room in memory for ${size} bytes: ${others} of ${this.#maxBytes} are used`, {
        fault: 'full',
        retriable: size <= this.#maxBytes,
      });
    }
    this.#blocks.set(id, bytes);
    this.#usedBytes = others + size;
  }

  get(id: string): Uint8Array | undefined {
    return this.#blocks.get(id);
  }

  remove(id: string): void {
    this.#usedBytes -= this.#sizeOf(id);
    this.#blocks.delete(id);
  }

  ids(): readonly string[] {
    return [...this.#blocks.keys()];
  }

  #sizeOf(id: string): number {
    return this.#blocks.get(id)?.byteLength ?? 0;
  }
}
