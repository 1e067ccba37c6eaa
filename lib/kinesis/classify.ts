import { faultKind, type FaultKind, type FaultKinds } from '../internal/aws-errors.js';
import { isRxKinesisError } from '../values/errors.js';

export type { FaultKind } from '../internal/aws-errors.js';

/** The kind of an error of a call to Kinesis. The errors of this package say themselves whether to retry. */
export function classify(error: unknown): FaultKind {
  if (isRxKinesisError(error)) {
    if (!error.retriable) return 'fatal';
    return faultKind(error.cause, OF_KINESIS) === 'throttling' ? 'throttling' : 'transient';
  }
  return faultKind(error, OF_KINESIS);
}

/**
 * The errors that only Kinesis has, all with status 400.
 *
 * @remarks
 * Source: the sections "Errors" of GetRecords, GetShardIterator, ListShards and SubscribeToShard,
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html. After `ExpiredNextTokenException` the listing
 * restarts at its first page.
 */
const OF_KINESIS: FaultKinds = {
  ExpiredIteratorException: 'iterator',
  ExpiredNextTokenException: 'transient',
  InvalidArgumentException: 'fatal',
  KMSAccessDeniedException: 'fatal',
  KMSDisabledException: 'fatal',
  KMSInvalidStateException: 'fatal',
  KMSNotFoundException: 'fatal',
  KMSOptInRequired: 'fatal',
  KMSThrottlingException: 'throttling',
};
