import { isRxKinesisError } from '../values/errors.js';

/** What an error of the Kinesis API means for the call that failed. */
export type FaultKind = 'throttling' | 'transient' | 'iterator' | 'fatal';

/**
 * Sorts an error of the SDK by its `name`.
 *
 * @remarks
 * Source: the API references of GetRecords, GetShardIterator and ListShards, and the SDK's transport errors. An unknown
 * name with a 5xx status, or with none at all (a fault before the service answered), is transient.
 */
export function classify(error: unknown): FaultKind {
  if (isRxKinesisError(error)) return error.retriable ? 'transient' : 'fatal';
  const name = nameOf(error);
  if (name === 'ExpiredIteratorException') return 'iterator';
  if (THROTTLING.has(name)) return 'throttling';
  if (TRANSIENT.has(name)) return 'transient';
  if (FATAL.has(name)) return 'fatal';
  const status = (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
  if (status === 429) return 'throttling';
  return status !== undefined && status >= 400 && status < 500 ? 'fatal' : 'transient';
}

/** The `name` of an error, by which AWS errors are known. */
export function nameOf(error: unknown): string {
  const name: unknown = (error as { readonly name?: unknown } | undefined)?.name;
  return typeof name === 'string' ? name : '';
}

const THROTTLING = new Set([
  'KMSThrottlingException',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

/** Those with a 4xx status: a request that was too slow to arrive, and a listing that was, which begins anew. */
const TRANSIENT = new Set(['ExpiredNextTokenException', 'RequestTimeout', 'RequestTimeoutException']);

const FATAL = new Set([
  'AccessDeniedException',
  'CredentialsProviderError',
  'IncompleteSignature',
  'InvalidArgumentException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'KMSAccessDeniedException',
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSNotFoundException',
  'KMSOptInRequired',
  'MissingAuthenticationToken',
  'NotAuthorized',
  'OptInRequired',
  'ResourceNotFoundException',
  'UnrecognizedClientException',
  'ValidationException',
]);
