import { CheckpointError } from '../checkpoints/errors.js';
import { isRxKinesisError } from '../values/errors.js';
import type { ShardName } from '../values/shard-id.js';

/**
 * Turns what a request ended with into an error that says whether to try again.
 *
 * @remarks Only the name of the SDK's error enters the message, its own text stays in `cause`.
 */
export function requestError(action: string, cause: unknown, { streamName, shardId }: ShardName): Error {
  if (isRxKinesisError(cause)) return cause;
  return new CheckpointError(`the lease table could not ${action}: ${nameOf(cause) ?? 'unknown error'}`, {
    streamName,
    shardId,
    retriable: isPassing(cause),
    cause,
  });
}

/** The name by which the SDK's errors are known. */
export function nameOf(error: unknown): string | undefined {
  const name = (error as { readonly name?: unknown } | undefined)?.name;
  return typeof name === 'string' ? name : undefined;
}

/**
 * Refusals that pass: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html.
 * The service answers them with status 400, so the status does not tell.
 */
const PASSING = new Set([
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  // The table was deleted: the next request makes it anew.
  'ResourceNotFoundException',
  'Throttling',
  'ThrottlingException',
  'TransactionConflictException',
]);

/** Refusals that stay. The SDK itself raises the first, without a status. */
const LASTING = new Set([
  'CredentialsProviderError',
  'AccessDeniedException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
  'ValidationException',
]);

/** An unknown error without a status is a fault before the service answered: the connection, or a timeout. */
function isPassing(error: unknown): boolean {
  const name = nameOf(error) ?? '';
  if (PASSING.has(name) || LASTING.has(name)) return PASSING.has(name);
  const status = (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
  return status === undefined || status === 429 || status >= 500;
}
