/**
 * What an error of an AWS service means for the call that failed: the service asks to slow down, the fault may pass by itself, the
 * shard iterator is no longer valid, or a retry cannot help.
 */
export type FaultKind = 'throttling' | 'transient' | 'iterator' | 'fatal';

/** What the names of one service's own errors mean. */
export type FaultKinds = Readonly<Record<string, FaultKind>>;

/**
 * Sorts an error of the AWS SDK by its name, its status, and whether the service answered at all.
 *
 * @remarks
 * 1. A known name decides: first `particulars`, the service's own names, then the names that all services share.
 * 2. An error that the service marks as retryable (`$retryable`), or that has status 429, is retried.
 * 3. Any other refusal (a fault of the client, or a 4xx status) is fatal, if the service itself gave it.
 * 4. Everything else may pass: a fault of the server or of the network, a time-out.
 *
 * A refusal counts as the service's own only under a name that a service gives. For a reply that is cut off or garbled the SDK gives
 * the name of its parser's error, or `Unknown`, often with the status of a refusal.
 */
export function faultKind(error: unknown, particulars: FaultKinds): FaultKind {
  const name = nameOf(error);
  const known = own(particulars, name) ?? own(COMMON, name);
  if (known) return known;
  const { $fault, $metadata, $retryable } = (error ?? {}) as SdkError;
  const status = $metadata?.httpStatusCode;
  if (status === 429 || $retryable?.throttling) return 'throttling';
  if ($retryable || NOT_OF_THE_SERVICE.has(name)) return 'transient';
  const isRefusal = $fault === 'client' || (status !== undefined && status >= 400 && status < 500);
  return isRefusal ? 'fatal' : 'transient';
}

/** The `name` of an error, which identifies AWS errors; empty when there is none. */
export function nameOf(error: unknown): string {
  const name: unknown = (error as { readonly name?: unknown } | undefined | null)?.name;
  return typeof name === 'string' ? name : '';
}

interface SdkError {
  /** Whose fault it is, as the SDK sees it. */
  readonly $fault?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  /** The trait `retryable` of the service's model. */
  readonly $retryable?: { readonly throttling?: boolean };
}

/** Names that JavaScript, fetch and the SDK give, but no service does. */
const NOT_OF_THE_SERVICE = new Set([
  '',
  'AbortError',
  'Error',
  'NetworkError',
  'RangeError',
  'SyntaxError',
  'TimeoutError',
  'TypeError',
  'Unknown',
  'UnknownError',
]);

/**
 * Names that mean the same for Kinesis and DynamoDB. Nearly all come with status 400, so the status does not distinguish them.
 *
 * @remarks
 * Sources. Throttling and time-outs: "Retry behavior" in the AWS SDKs and Tools Reference Guide (what the standard mode
 * retries), https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html. The rest: "Common Errors" of both
 * API references, https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html, and "Error handling with
 * DynamoDB", https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html. That page would retry
 * `UnrecognizedClientException`; it says that the key or token is invalid, which more tries do not mend.
 */
const COMMON: FaultKinds = {
  LimitExceededException: 'throttling',
  ProvisionedThroughputExceededException: 'throttling',
  RequestLimitExceeded: 'throttling',
  RequestThrottled: 'throttling',
  RequestThrottledException: 'throttling',
  ThrottledException: 'throttling',
  Throttling: 'throttling',
  ThrottlingException: 'throttling',
  TooManyRequestsException: 'throttling',

  // These may pass by themselves within the retries: a credentials provider fails once, credentials are about to be renewed, a stream or
  // table is being made or changed.
  CredentialsProviderError: 'transient',
  ExpiredToken: 'transient',
  ExpiredTokenException: 'transient',
  RequestExpired: 'transient',
  ResourceInUseException: 'transient',

  RequestTimeout: 'transient',
  RequestTimeoutException: 'transient',

  AccessDeniedException: 'fatal',
  IncompleteSignature: 'fatal',
  IncompleteSignatureException: 'fatal',
  InvalidClientTokenId: 'fatal',
  InvalidSignatureException: 'fatal',
  MissingAuthenticationToken: 'fatal',
  MissingAuthenticationTokenException: 'fatal',
  NotAuthorized: 'fatal',
  OptInRequired: 'fatal',
  ResourceNotFoundException: 'fatal',
  UnrecognizedClientException: 'fatal',
  ValidationError: 'fatal',
  ValidationException: 'fatal',
};

/** Looks up own properties only: the name of an error may be that of a property of every object. */
function own(kinds: FaultKinds, name: string): FaultKind | undefined {
  return Object.hasOwn(kinds, name) ? kinds[name] : undefined;
}
