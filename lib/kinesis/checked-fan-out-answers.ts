import { compareSequenceNumbers } from '../values/position.js';
import { AnswerCheck, checkChild, checkRecords, isThere, type AnswerPlace } from './checked-answers.js';
import type { PortConsumer, ShardSubscription, StreamSummary, SubscribeToShardEvent } from './fan-out-port.js';

/** Returns the ARN in an answer of DescribeStreamSummary. @throws ShardReadError, retriable */
export function checkedStreamArn(summary: StreamSummary, place: AnswerPlace): string {
  const check = new AnswerCheck('DescribeStreamSummary', place);
  const { StreamARN } = check.object(summary, 'StreamDescriptionSummary');
  check.text(StreamARN, 'StreamARN');
  return StreamARN;
}

/** Returns a consumer that has its ARN and its status. @throws ShardReadError, retriable */
export function checkedConsumer(consumer: PortConsumer, call: string, place: AnswerPlace): PortConsumer {
  const check = new AnswerCheck(call, place);
  const { ConsumerARN, ConsumerStatus } = check.object(consumer, 'a consumer');
  check.text(ConsumerARN, 'ConsumerARN');
  check.text(ConsumerStatus, 'ConsumerStatus');
  return { ConsumerARN, ConsumerStatus };
}

/** Returns an answer of SubscribeToShard that is a subscription. @throws ShardReadError, retriable */
export function checkedSubscription(subscription: ShardSubscription, place: AnswerPlace): ShardSubscription {
  const check = new AnswerCheck('SubscribeToShard', place);
  check.that(typeof check.object(subscription, 'a subscription').next === 'function', 'without a stream of events');
  return subscription;
}

/**
 * Returns an event of a subscription if it has all the fields that the API demands.
 *
 * @remarks
 * A continuation number before the last record is refused: the next subscription would repeat records. A lag that is not a number counts as
 * absent.
 *
 * @throws ShardReadError, retriable
 */
export function checkedEvent(event: SubscribeToShardEvent, place: AnswerPlace): SubscribeToShardEvent {
  const check = new AnswerCheck('SubscribeToShard', place);
  const { Records, ContinuationSequenceNumber, MillisBehindLatest, ChildShards } = check.object(event, 'an event');
  check.that(Array.isArray(Records), 'with an event without Records');
  checkRecords(Records, check);
  if (isThere(ContinuationSequenceNumber)) checkContinuation(ContinuationSequenceNumber, Records.at(-1)?.SequenceNumber, check);
  if (isThere(ChildShards)) check.that(Array.isArray(ChildShards), 'with ChildShards that are no list');
  ChildShards?.forEach((child) => checkChild(child, check));
  return {
    Records,
    ...(isThere(ContinuationSequenceNumber) && { ContinuationSequenceNumber }),
    ...(Number.isFinite(MillisBehindLatest) && { MillisBehindLatest: Math.max(0, MillisBehindLatest!) }),
    ...(isThere(ChildShards) && { ChildShards }),
  };
}

function checkContinuation(continuation: string, last: string | undefined, check: AnswerCheck): void {
  check.number(continuation, 'ContinuationSequenceNumber');
  const follows = last === undefined || compareSequenceNumbers(continuation, last) >= 0;
  check.that(follows, 'with a ContinuationSequenceNumber before its last record');
}
