import { CheckpointError } from '../checkpoints/errors.js';
import { faultKind, nameOf, type FaultKinds } from '../internal/aws-errors.js';
import { placeOf } from '../internal/client-place.js';
import { reducedFault } from '../internal/aws-fault.js';
import { setUpFaultOf } from '../internal/set-up-fault.js';
import { isRxKinesisError, UnreachableError } from '../values/errors.js';
import type { ShardName } from '../values/shard-id.js';

/**
 * Turns the error of a request into one that says whether to retry.
 *
 * @remarks
 * The message has only the name of the SDK's error, and where the request was sent; the error itself, reduced to what is safe to log, is the
 * `cause`.
 */
export function requestError(action: string, cause: unknown, { streamName, shardId }: ShardName): Error {
  if (isRxKinesisError(cause)) return cause;
  return new CheckpointError(`the lease table could not ${action}: ${nameOf(cause) || 'unknown error'}${placeOf(cause)}`, {
    streamName,
    shardId,
    retriable: faultKind(cause, OF_DYNAMODB) !== 'fatal',
    cause,
  });
}

/** Turns an error that no look at the table can get over into one that says where the table was looked for. */
export function tableError(cause: unknown): unknown {
  if (isRxKinesisError(cause)) return cause;
  const answer = nameOf(cause) || 'an unknown error';
  const advice = setUpFaultOf(cause)?.advice ?? `it answers with ${answer}: may the credentials use the table?`;
  return new UnreachableError('the store', `${advice}${placeOf(cause)}`, reducedFault(cause));
}

/**
 * The errors that only DynamoDB has, all with status 400.
 *
 * @remarks
 * Source: the sections "Errors" of GetItem, PutItem and UpdateItem,
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html: a write of an item that a transaction or another
 * Region is changing may be retried.
 */
const OF_DYNAMODB: FaultKinds = {
  ConditionalCheckFailedException: 'fatal',
  ReplicatedWriteConflictException: 'transient',
  // The table was deleted: the next request makes it again.
  ResourceNotFoundException: 'transient',
  TransactionConflictException: 'transient',
};
