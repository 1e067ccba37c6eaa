import { CheckpointError } from '../checkpoints/errors.js';
import { faultKind, nameOf, type FaultKinds } from '../internal/aws-errors.js';
import { isRxKinesisError } from '../values/errors.js';
import type { ShardName } from '../values/shard-id.js';

/**
 * Turns what a request ended with into an error that says whether to try again.
 *
 * @remarks Only the name of the SDK's error enters the message, its own text stays in `cause`.
 */
export function requestError(action: string, cause: unknown, { streamName, shardId }: ShardName): Error {
  if (isRxKinesisError(cause)) return cause;
  return new CheckpointError(`the lease table could not ${action}: ${nameOf(cause) || 'unknown error'}`, {
    streamName,
    shardId,
    retriable: faultKind(cause, OF_DYNAMODB) !== 'fatal',
    cause,
  });
}

/**
 * What DynamoDB alone answers with, all with status 400.
 *
 * @remarks
 * Source: the sections "Errors" of GetItem, PutItem and UpdateItem,
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html: an item that is being changed by a
 * transaction, or in another Region, may be tried again.
 */
const OF_DYNAMODB: FaultKinds = {
  ConditionalCheckFailedException: 'fatal',
  ReplicatedWriteConflictException: 'transient',
  // The table was deleted: the next request makes it anew.
  ResourceNotFoundException: 'transient',
  TransactionConflictException: 'transient',
};
