import { catchError, type MonoTypeOperatorFunction } from 'rxjs';
import { isRxKinesisError, wordOf } from '../values/errors.js';

/**
 * An error of an AWS service or of the network, reduced to what is safe to log: its name, its code, its status and its request id.
 *
 * @remarks
 * The SDK's own errors hold more: the message of a refused signature quotes the session token, the fields of a failed answer hold
 * payloads and partition keys, a parser's message quotes its input, and `$response` leads to the request with its headers. `rawErrorOf`
 * returns the original error.
 */
export class AwsFault extends Error {
  override readonly name: string;
  /** The code that Node gives a fault of the network, such as `ECONNRESET`. */
  readonly code?: string;
  readonly $fault?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string; readonly attempts?: number };
  readonly $retryable?: { readonly throttling?: boolean };

  /** @param depth - how many causes are kept: they may form a circle. */
  constructor(error: unknown, depth = MAX_CAUSES) {
    const { name, code, message, cause, $fault, $metadata, $retryable } = (error ?? {}) as Partial<AwsFault>;
    const safeName = wordOf(name) ?? 'Error';
    const safeCode = wordOf(code);
    super(message === NO_REGION ? NO_REGION : safeCode === undefined ? safeName : `${safeName} (${safeCode})`, {
      ...(cause !== undefined && cause !== error && depth > 0 && { cause: new AwsFault(cause, depth - 1) }),
    });
    this.name = safeName;
    if (safeCode !== undefined) this.code = safeCode;
    if ($fault === 'client' || $fault === 'server') this.$fault = $fault;
    const metadata = metadataOf($metadata);
    if (metadata) this.$metadata = metadata;
    if ($retryable) this.$retryable = { throttling: $retryable.throttling === true };
    rawErrors.set(this, error);
  }
}

/** Reduces an error of the SDK to an {@link AwsFault}; returns an error of this package, or one that is reduced already, unchanged. */
export function reducedFault(error: unknown): unknown {
  return isRxKinesisError(error) || rawErrors.has(error as object) ? error : new AwsFault(error);
}

/** Reduces what the source errors with: a service, a store of the user's own, or the driver behind it may quote anything. */
export function reduced<T>(): MonoTypeOperatorFunction<T> {
  return catchError((error: unknown) => {
    throw reducedFault(error);
  });
}

/**
 * The SDK's original error behind an error of this package. For a debugger and not for a log: it may hold credentials, payloads and
 * partition keys. Looks at `error` and at its causes; `undefined` where there is none.
 */
export function rawErrorOf(error: unknown): unknown {
  for (let depth = 0, fault = error; typeof fault === 'object' && fault !== null && depth <= MAX_CAUSES; depth++) {
    if (rawErrors.has(fault)) return rawErrors.get(fault);
    fault = (fault as { readonly cause?: unknown }).cause;
  }
  return undefined;
}

const rawErrors = /* @__PURE__ */ new WeakMap<object, unknown>();

/** How deep a chain of causes is followed. */
const MAX_CAUSES = 8;

const NO_REGION = 'Region is missing';

function metadataOf(metadata: AwsFault['$metadata']): AwsFault['$metadata'] {
  if (!metadata) return undefined;
  const { httpStatusCode, requestId, attempts } = metadata;
  return {
    ...(typeof httpStatusCode === 'number' && { httpStatusCode }),
    ...(wordOf(requestId) !== undefined && { requestId }),
    ...(typeof attempts === 'number' && { attempts }),
  };
}
