import { defer, finalize, map, NEVER, tap, timer, type Observable, type SchedulerLike } from 'rxjs';
import type { FanOutPort, ShardSubscription, SubscribeToShardRequest } from '../../kinesis/fan-out-port.js';
import type { GetRecordsRequest, GetShardIteratorRequest, KinesisPort } from '../../kinesis/port.js';
import { answerGetRecords, answerGetShardIterator } from './fake-answers.js';
import type { FakeConsumers } from './fake-consumers.js';
import type { CallDetails, FakeCalls } from './fake-calls.js';
import { awsError } from './fake-errors.js';
import { errorOf, type FakeFault, type FakeFaults } from './fake-faults.js';
import { answerListShards } from './fake-listing.js';
import type { FakeService } from './fake-service.js';
import type { FakeSubscriptions } from './fake-subscriptions.js';

/** The parts that the calls of a fake need. */
export interface FakePortParts extends FakeService {
  readonly calls: FakeCalls;
  readonly faults: FakeFaults;
  readonly consumers: FakeConsumers;
  readonly subscriptions: FakeSubscriptions;
  readonly scheduler: SchedulerLike;
  /** Script time, in ms. */
  readonly now: () => number;
}

/** Makes the calls: each answers after its latency, with the state at the moment of its subscription. */
export function fakePort(parts: FakePortParts): FanOutPort & KinesisPort {
  const { iterators, stream } = parts;
  return {
    ...fanOutCalls(parts),
    listShards: (request) =>
      call(parts, { method: 'listShards' }, (nowMs) => {
        checkListing(request);
        checkStream(request, stream.streamName, request.NextToken !== undefined);
        return answerListShards(parts, request, nowMs);
      }),
    getShardIterator: (request) =>
      call(parts, detailsOfIterator(request), (nowMs) => {
        checkStream(request, stream.streamName, false);
        return answerGetShardIterator(parts, request, nowMs);
      }),
    getRecords: (request) =>
      call(parts, detailsOfRead(request, iterators.peek(request.ShardIterator)?.shardId), (nowMs, fault) => {
        checkStream(request, stream.streamName, true);
        return answerGetRecords(parts, request, nowMs, fault?.answer === 'empty');
      }),
  };
}

function fanOutCalls(parts: FakePortParts): FanOutPort {
  const { consumers, stream, subscriptions } = parts;
  return {
    describeStreamSummary: (request) =>
      call(parts, { method: 'describeStreamSummary' }, () => {
        checkStream(request, stream.streamName, false);
        return { StreamARN: consumers.streamArn };
      }),
    describeStreamConsumer: (request) => call(parts, { method: 'describeStreamConsumer' }, (nowMs) => consumers.describe(request, nowMs)),
    registerStreamConsumer: ({ StreamARN, ConsumerName }) =>
      call(parts, { method: 'registerStreamConsumer' }, (nowMs) => consumers.register(StreamARN, ConsumerName, nowMs)),
    subscribeToShard: (request) =>
      defer(() => {
        let unanswered: ShardSubscription | undefined;
        const subscribe: Answer<ShardSubscription> = (nowMs, fault) =>
          (unanswered = subscriptions.subscribe(request, nowMs, fault?.answer === 'empty'));
        return call(parts, detailsOfSubscription(request), subscribe).pipe(
          tap(() => (unanswered = undefined)),
          finalize(() => unanswered?.close()),
        );
      }),
  };
}

type Answer<R> = (nowMs: number, fault: FakeFault | undefined) => R;

function call<R>({ calls, faults, scheduler, script, now }: FakePortParts, details: CallDetails, answer: Answer<R>): Observable<R> {
  return defer(() => {
    const end = calls.begin(details);
    const fault = faults.strike(details, now());
    const outcome = attempt(() => answer(now(), fault), fault && errorOf(fault));
    const wait = fault?.answer === 'never' ? NEVER : timer(fault?.latencyMs ?? script.latencyMs ?? 1, scheduler);
    return wait.pipe(
      map(() => {
        end({ aborted: false, error: fault?.answer === 'malformed' ? undefined : outcome.error?.name });
        if (fault?.answer === 'malformed') return malformed<R>(details.method);
        if (outcome.error) throw outcome.error;
        return outcome.value as R;
      }),
      finalize(() => end({ aborted: true })),
    );
  });
}

/** The empty answer of a faulty gateway, with the status of a success. */
function malformed<R>(method: CallDetails['method']): R {
  return (method === 'getShardIterator' ? undefined : {}) as R;
}

function attempt<R>(make: () => R, scripted: Error | undefined): { readonly value?: R; readonly error?: Error } {
  if (scripted) return { error: scripted };
  try {
    return { value: make() };
  } catch (error) {
    return { error: error as Error };
  }
}

function detailsOfIterator(request: GetShardIteratorRequest): CallDetails {
  return {
    method: 'getShardIterator',
    shardId: request.ShardId,
    type: request.ShardIteratorType,
    ...('StartingSequenceNumber' in request && { startingSequenceNumber: request.StartingSequenceNumber }),
    ...('Timestamp' in request && { timestamp: request.Timestamp }),
  };
}

function detailsOfSubscription({ ShardId, StartingPosition: start }: SubscribeToShardRequest): CallDetails {
  return {
    method: 'subscribeToShard',
    shardId: ShardId,
    type: start.Type,
    ...('SequenceNumber' in start && { startingSequenceNumber: start.SequenceNumber }),
    ...('Timestamp' in start && { timestamp: start.Timestamp }),
  };
}

function detailsOfRead({ Limit }: GetRecordsRequest, shardId: string | undefined): CallDetails {
  return { method: 'getRecords', ...(shardId !== undefined && { shardId }), ...(Limit !== undefined && { limit: Limit }) };
}

/** Wider than the port's types, since a caller may have cast them away. */
interface AnyStreamId {
  readonly StreamName?: string;
  readonly StreamARN?: string;
  readonly NextToken?: string;
}

/** ListShards takes a stream or a token, never both. */
function checkListing(request: AnyStreamId): void {
  if (request.NextToken === undefined || (request.StreamName ?? request.StreamARN) === undefined) return;
  throw awsError('InvalidArgumentException', 'NextToken and StreamName cannot be provided together.');
}

function checkStream({ StreamName, StreamARN }: AnyStreamId, streamName: string, optional: boolean): void {
  const name = StreamName ?? StreamARN?.split(':stream/')[1];
  if (name === streamName || (optional && name === undefined)) return;
  if (name === undefined) throw awsError('InvalidArgumentException', 'StreamName or StreamARN must be provided.');
  throw awsError('ResourceNotFoundException', `Stream ${name} not found`);
}
