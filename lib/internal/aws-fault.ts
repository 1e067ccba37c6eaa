import { catchError, throwError, type MonoTypeOperatorFunction } from 'rxjs';
import { isRxKinesisError } from '../values/errors.js';

/**
 * What is known of an error of an AWS service or of the way to it, in a form that is safe to log: its name, its code, its status and its
 * request id.
 *
 * @remarks
 * The SDK's own errors hold more: the text of a refused signature quotes the session token, the fields of an answer that failed hold
 * payloads and partition keys, a parser's text quotes its input, and the request with its headers hangs on `$response`. The error as it was
 * is had from `rawErrorOf`.
 */
export class AwsFault extends Error {
  override readonly name: string;
  /** Of a fault on the way: Node's, such as `ECONNRESET`. */
  readonly code?: string;
  readonly $fault?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string; readonly attempts?: number };
  readonly $retryable?: { readonly throttling?: boolean };

  constructor(error: unknown) {
    const { name, code, message, cause, $fault, $metadata, $retryable } = (error ?? {}) as Partial<AwsFault>;
    const safeName = word(name) ?? 'Error';
    const safeCode = word(code);
    super(message === NO_REGION ? NO_REGION : safeCode === undefined ? safeName : `${safeName} (${safeCode})`, {
      ...(cause !== undefined && cause !== error && { cause: new AwsFault(cause) }),
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

/** The error of the SDK as it is told everywhere; an error of this package, and one that is reduced already, stays what it is. */
export function reducedFault(error: unknown): unknown {
  return isRxKinesisError(error) || rawErrors.has(error as object) ? error : new AwsFault(error);
}

/** Reduces what the source errors with: a service, a store of the user's own, or the driver behind it may quote anything. */
export function reduced<T>(): MonoTypeOperatorFunction<T> {
  return catchError((error: unknown) => throwError(() => reducedFault(error)));
}

/**
 * The SDK's own error behind one that this package tells, for a debugger and not for a log: it may hold credentials, payloads and partition
 * keys. Looks at `error` and at what caused it; `undefined` where there is none.
 */
export function rawErrorOf(error: unknown): unknown {
  for (let depth = 0, fault = error; typeof fault === 'object' && fault !== null && depth < 8; depth++) {
    if (rawErrors.has(fault)) return rawErrors.get(fault);
    fault = (fault as { readonly cause?: unknown }).cause;
  }
  return undefined;
}

const rawErrors = /* @__PURE__ */ new WeakMap<object, unknown>();

const NO_REGION = 'Region is missing';

/** A name that a service or Node gives is a short word; anything else may be a text that somebody chose. */
function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.:#-]{1,100}$/.test(value) ? value : undefined;
}

function metadataOf(metadata: AwsFault['$metadata']): AwsFault['$metadata'] {
  if (!metadata) return undefined;
  const { httpStatusCode, requestId, attempts } = metadata;
  return {
    ...(typeof httpStatusCode === 'number' && { httpStatusCode }),
    ...(word(requestId) !== undefined && { requestId }),
    ...(typeof attempts === 'number' && { attempts }),
  };
}
