/**
 * An answer that cannot be read: cut off, or not as it should be.
 *
 * @remarks
 * Thrown within the SDK's call, like the SDK's own errors of transport, and like them never given to users as it is: a
 * `ShardReadError` wraps it. No service gives its name, and its status is that of a success: it counts as a fault that passes.
 */
export class WireError extends Error {
  override readonly name = 'WireError';
}
