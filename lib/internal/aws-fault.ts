import { isRxKinesisError } from '../values/errors.js';

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

/** Reduces an error of the SDK to an {@link AwsFault}; returns an error of this package unchanged. */
export function reducedFault(error: unknown): unknown {
  return isRxKinesisError(error) ? error : new AwsFault(error);
}

/**
 * The SDK's original error behind an error of this package. For a debugger and not for a log: it may hold credentials, payloads and
 * partition keys. Looks at `error` and at its causes; `undefined` where there is none.
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

/** The value if it is a short word, as the names of services and of Node are; anything else may be a free text. */
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
