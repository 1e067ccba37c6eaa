import { lastValueFrom, Observable } from 'rxjs';
import { WireError } from './wire-error.js';

type Chunk = Uint8Array | string;

/** The part of a stream of Node that is used. */
interface NodeStream {
  readonly destroyed?: boolean;
  readonly readableEnded?: boolean;
  /** Whether an answer of HTTP has come whole (`http.IncomingMessage`). */
  readonly complete?: boolean;
  /** How many bytes have come that were not read. */
  readonly readableLength?: number;
  /** All that has come and was not read, or `null`. */
  read?(): Chunk | null;
  on(event: string, listener: (value: never) => void): unknown;
  off(event: string, listener: (value: never) => void): unknown;
}

/**
 * Reads a body to its end; resolves to its chunks.
 *
 * @param collect - the client's own collector, for a body that is not a stream of Node.
 * @param length - how many bytes it should have, if that is known.
 */
export async function collectChunks(
  body: unknown,
  collect: ((stream: unknown) => Promise<Uint8Array>) | undefined,
  length?: number,
): Promise<readonly Uint8Array[]> {
  if (body === undefined || body === null) return [];
  if (body instanceof Uint8Array) return [body];
  if (typeof body === 'string') return [bytesOf(body)];
  if (isNodeStream(body)) return chunksAtOnce(body, length) ?? lastValueFrom(chunksOf(body), { defaultValue: [] });
  if (!collect) throw new WireError('a body that is no stream');
  return [await collect(body)];
}

function isNodeStream(body: unknown): body is NodeStream {
  const { on, off, pipe } = body as { readonly on?: unknown; readonly off?: unknown; readonly pipe?: unknown };
  return typeof on === 'function' && typeof off === 'function' && typeof pipe === 'function';
}

function bytesOf(chunk: Chunk): Uint8Array {
  return typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
}

/**
 * The chunks of an answer that has come whole, as a small one does with its headers: to listen for them would cost more than to decode them. Its length
 * must say so too: a stream that decompresses an answer may bear the answer's own marks.
 */
function chunksAtOnce(stream: NodeStream, length: number | undefined): readonly Uint8Array[] | undefined {
  const isWhole = stream.complete === true && length !== undefined && stream.readableLength === length;
  if (!isWhole || !stream.read || isOver(stream)) return undefined;
  stream.on('error', ignore);
  const chunks: Uint8Array[] = [];
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(bytesOf(chunk));
  return chunks;
}

/** Whether a stream would emit nothing more, not even its end. */
function isOver({ destroyed, readableEnded }: NodeStream): boolean {
  return destroyed === true || readableEnded === true;
}

/** Emits the chunks once the stream has ended; errors when it fails or closes before. */
function chunksOf(stream: NodeStream): Observable<readonly Uint8Array[]> {
  return new Observable((subscriber) => {
    if (isOver(stream)) return subscriber.error(cutOff());
    const chunks: Uint8Array[] = [];
    const listeners: Readonly<Record<string, (value: never) => void>> = {
      data: (chunk: Chunk) => chunks.push(bytesOf(chunk)),
      end: () => {
        subscriber.next(chunks);
        subscriber.complete();
      },
      aborted: () => subscriber.error(cutOff()),
      close: () => subscriber.error(cutOff()),
      error: (error: unknown) => subscriber.error(error),
    };
    // A stream may fail a second time after its first failure: without a listener that would end the process.
    stream.on('error', ignore);
    for (const [event, listener] of Object.entries(listeners)) stream.on(event, listener);
    // The stream lives as long as its connection, and its listeners would keep the chunks in memory.
    subscriber.add(() => Object.entries(listeners).forEach(([event, listener]) => stream.off(event, listener)));
  });
}

function ignore(): void {
  // Another failure of a stream that nobody reads any more.
}

/** An error that the SDK takes for a fault of the connection, and retries. */
export function cutOff(): WireError {
  return Object.assign(new WireError('the connection was closed within an answer'), { code: 'ECONNRESET' });
}
