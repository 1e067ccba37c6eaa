import { defer, map, of, type Observable } from 'rxjs';
import { assertKnownFields } from '../internal/validate.js';
import type { Block } from '../values/block.js';
import { InvalidValueError } from '../values/errors.js';
import { readBody, writeBody } from './block-body.js';
import { readFrame, writeFrame } from './block-frame.js';
import { assertCanCompress, compress, decompress } from './compression.js';
import { assertWholeBlock } from './whole-block.js';

/** How a block is written. */
export interface EncodeBlockConfig {
  /** Whether to compress with gzip, where the platform has `CompressionStream`. @defaultValue false */
  readonly compress?: boolean | undefined;
}

/**
 * Turns a block into bytes, for a {@link BlockStore} of your own.
 *
 * @remarks
 * The bytes are MessagePack in a frame with a version, lengths and a CRC-32 over the whole. Emits them once: synchronously, unless
 * it compresses them. Buffers one block. Errors: `InvalidValueError` for a block whose records do not match its ranges.
 *
 * @throws InvalidConfigError when called with `compress` on a platform without `CompressionStream`.
 *
 * @example
 * ```ts
 * const kept = new Map<string, Uint8Array>();
 * encodeBlock(block).subscribe((bytes) => kept.set(block.id, bytes));
 * decodeBlock(kept.get(block.id)!, block.id).subscribe(({ records }) => console.log(records.length));
 * ```
 */
export function encodeBlock(block: Block, config: EncodeBlockConfig = {}): Observable<Uint8Array> {
  return blockEncoder(config)(block);
}

/** Like {@link encodeBlock}, for many blocks: checks the config once. @throws InvalidConfigError */
export function blockEncoder(config: EncodeBlockConfig): (block: Block) => Observable<Uint8Array> {
  assertKnownFields(config, { compress: true });
  if (!config.compress) return (block) => defer(() => of(encodeBlockSync(block)));
  assertCanCompress('compress');
  return (block) =>
    defer(() => {
      const raw = bodyOf(block);
      return compress(raw).pipe(map((body) => writeFrame({ body, isCompressed: true, rawLength: raw.byteLength })));
    });
}

/**
 * Reads the block with this id from the bytes that {@link encodeBlock} emitted.
 *
 * @remarks
 * Payloads are views of `bytes`: do not change them. Emits the block once, synchronously unless it is compressed. Errors:
 * `InvalidValueError` for bytes that are torn, changed, foreign, of an unknown version, or of another block than the one asked
 * for. It never emits wrong data: such a block is lost, and can be read again from Kinesis by its ranges.
 *
 * @param id - the block's id, which follows from its ranges.
 */
export function decodeBlock(bytes: Uint8Array, id: string): Observable<Block> {
  return defer(() => {
    const { body, isCompressed, rawLength } = readFrame(bytes);
    return (isCompressed ? decompress(body, rawLength) : of(body)).pipe(map((raw) => blockIn(raw, id)));
  });
}

/** Like {@link encodeBlock}, without compression. */
export function encodeBlockSync(block: Block): Uint8Array {
  const body = bodyOf(block);
  return writeFrame({ body, isCompressed: false, rawLength: body.byteLength });
}

/** Like {@link decodeBlock}, for the result of {@link encodeBlockSync}. */
export function decodeBlockSync(bytes: Uint8Array, id: string): Block {
  const { body, isCompressed } = readFrame(bytes);
  if (isCompressed) throw new InvalidValueError('the stored block is compressed, and was not when it was put here');
  return blockIn(body, id);
}

function bodyOf(block: Block): Uint8Array {
  // Checked now, while the records are here, and not only when somebody asks for the block.
  assertWholeBlock(block, block.id);
  return writeBody(block);
}

function blockIn(body: Uint8Array, id: string): Block {
  const block = readBody(body);
  assertWholeBlock(block, id);
  return block;
}
