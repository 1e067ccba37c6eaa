/**
 * An answer that cannot be read: it is cut off or malformed.
 *
 * @remarks
 * Thrown within the SDK's call, like the SDK's own errors of transport. Users never see it directly: a `ShardReadError` wraps it. No
 * service gives its name, and its status is that of a success, so it counts as a fault that may pass.
 */
export class WireError extends Error {
  override readonly name = 'WireError';
}
