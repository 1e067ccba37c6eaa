import { catchError, defer, from, map, reduce, throwError, type Observable } from 'rxjs';
import { InvalidConfigError, InvalidValueError, isInvalidValue } from '../values/errors.js';

/** Throws where the platform cannot compress. */
export function assertCanCompress(name: string): void {
  if (typeof CompressionStream === 'function') return;
  throw new InvalidConfigError(`${name}: this platform has no CompressionStream`);
}

/** Compresses with gzip. */
export function compress(bytes: Uint8Array): Observable<Uint8Array> {
  return defer(() => piped(bytes, new CompressionStream('gzip'), Infinity));
}

/**
 * Reverses {@link compress}. Stops as soon as the output exceeds `rawLength`, so a small file cannot fill the memory.
 *
 * Errors: `InvalidValueError` when they are not the compressed form of `rawLength` bytes.
 */
export function decompress(bytes: Uint8Array, rawLength: number): Observable<Uint8Array> {
  return defer(() => {
    if (typeof DecompressionStream !== 'function')
      throw new InvalidValueError('the stored block is compressed, and this platform cannot read it');
    return piped(bytes, new DecompressionStream('gzip'), rawLength);
  }).pipe(
    map((raw) => {
      if (raw.byteLength !== rawLength) throw new InvalidValueError('the stored block is shorter than it says');
      return raw;
    }),
    catchError((error: unknown) =>
      throwError(() => (isInvalidValue(error) ? error : new InvalidValueError('the stored block cannot be decompressed'))),
    ),
  );
}

function piped(bytes: Uint8Array, through: GenericTransformStream, maxBytes: number): Observable<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(through);
  return from(stream as unknown as AsyncIterable<Uint8Array>).pipe(
    reduce<Uint8Array, { chunks: Uint8Array[]; bytes: number }>(
      (all, chunk) => {
        all.chunks.push(chunk);
        all.bytes += chunk.byteLength;
        if (all.bytes > maxBytes) throw new InvalidValueError('the stored block is longer than it says');
        return all;
      },
      { chunks: [], bytes: 0 },
    ),
    map((all) => joined(all.chunks, all.bytes)),
  );
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
