import { asyncScheduler } from 'rxjs';
import type { FanOutPort } from '../../kinesis/fan-out-port.js';
import type { KinesisPort } from '../../kinesis/port.js';
import type { KinesisRecord } from '../../values/record.js';
import { FakeCalls, type FakeCall, type KinesisMethod } from './fake-calls.js';
import { awsError } from './fake-errors.js';
import { FakeConsumers } from './fake-consumers.js';
import { FakeFaults, type FakeFault } from './fake-faults.js';
import { FakeIterators } from './fake-iterators.js';
import { fakePort } from './fake-port.js';
import { assertScript } from './fake-checks.js';
import type { FakeRecord, FakeScript, FakeTrim } from './fake-script.js';
import { FakeStream } from './fake-stream.js';
import { FakeSubscriptions } from './fake-subscriptions.js';
import type { ShardName } from '../shard-name.js';

/** A Kinesis stream that follows a script: a port that sources take as `client`, the calls made, and methods that change the script. */
export interface FakeKinesis extends FanOutPort, KinesisPort {
  /** The records by their letters, as a source should emit them: use them as the values of `toBe`. */
  readonly values: Readonly<Record<string, KinesisRecord>>;
  /** Every call so far, oldest first; each is updated while it lasts. */
  readonly calls: readonly FakeCall[];
  /** How many calls wait for their answer. */
  readonly inFlight: number;
  /** How many subscriptions are open. */
  readonly subscriptions: number;
  /** The calls of a method; with `shard`, only those of that shard. */
  callsOf(method: KinesisMethod, shard?: ShardName): FakeCall[];
  /** All records of a shard, also those that have not arrived yet. */
  records(shard: ShardName): KinesisRecord[];
  /**
   * Lets records arrive now, given as letters or with their fields. If the script has later records in the same shard, they need a
   * `sequenceNumber` below those.
   */
  put(shard: ShardName, records: string | readonly FakeRecord[]): KinesisRecord[];
  /** Closes a shard now, without children; `split` and `merge` add children. */
  close(shard: ShardName): void;
  /** Splits a shard now. */
  split(shard: ShardName, into: readonly ShardName[]): void;
  /** Merges two shards now. */
  merge(shards: readonly [ShardName, ShardName], into: ShardName): void;
  /** Drops records, by default now. */
  trim(shard: ShardName, trim: FakeTrim): void;
  /** Adds a fault, by default for the next call. */
  fail(fault: FakeFault): void;
  /** Expires every iterator given until now. */
  expireIterators(): void;
  /** Ends the open subscriptions, as Kinesis does after five minutes; with an error, given by its name or itself, breaks them. */
  endSubscriptions(error?: Error | string): void;
  /** Removes a consumer. Its open subscriptions end with a `ResourceNotFoundException`. */
  deregister(consumerName: string): void;
}

/**
 * Makes a Kinesis stream that follows a script in the time of its scheduler.
 *
 * @remarks
 * A call sees the stream as the script has it at `scheduler.now()`. The fake has no timer except the latency of each call, so a
 * virtual-time test ends when the code under test does. Errors have the names and fields of the AWS SDK's errors. Unsubscribing aborts a
 * call. Sequence numbers are `1`, `2`, … in order of arrival over the whole stream, unless the script gives others.
 *
 * @param script - the shards with their records, and the faults of calls.
 * @throws InvalidConfigError when the script contradicts itself, for example a record in a shard that is closed, or has an unknown option, or
 * a fault that cannot strike.
 *
 * @example
 * ```ts
 * import { fakeKinesis, marbles } from 'rx-kinesis/testing';
 * import { concatMap, map, retry } from 'rxjs';
 *
 * it(
 *   'reads what has arrived',
 *   marbles(({ expectObservable }) => {
 *     const kinesis = fakeKinesis({
 *       shards: {
 *         0: '^-a-b--|',
 *         1: { parents: [0], records: '--------c' },
 *         2: { parents: [0], records: '---------d' },
 *       },
 *       faults: [{ method: 'getRecords', shard: 0, error: 'ProvisionedThroughputExceededException', times: 2 }],
 *       latencyMs: 5,
 *     });
 *     const pages = kinesis
 *       .getShardIterator({ StreamName: 'stream', ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' })
 *       .pipe(concatMap((iterator) => kinesis.getRecords({ ShardIterator: iterator }).pipe(retry(2))));
 *
 *     // One iterator and three reads, 5 ms each; the last read sees the shard closed.
 *     expectObservable(pages.pipe(map(({ Records }) => Records.length))).toBe('20ms (n|)', { n: 2 });
 *   }),
 * );
 * ```
 */
export function fakeKinesis(script: FakeScript): FakeKinesis {
  assertScript(script);
  const { scheduler = asyncScheduler } = script;
  const startMs = scheduler.now();
  const now = (): number => scheduler.now() - startMs;
  const stream = new FakeStream(script, startMs);
  const iterators = new FakeIterators(script.iteratorTtlMs ?? 300_000, script.expireIteratorsAtMs ?? []);
  const calls = new FakeCalls(now);
  const faults = new FakeFaults(script.faults ?? [], stream);
  const service = { script, stream, iterators, startMs };
  const consumers = new FakeConsumers(stream.streamName, script.consumers ?? [], script.consumerDelayMs ?? 0);
  const subscriptions = new FakeSubscriptions({ service, consumers, scheduler, now });
  return {
    ...fakePort({ ...service, calls, faults, consumers, subscriptions, scheduler, now }),
    ...changesOf({ stream, faults, iterators, consumers, subscriptions, now }),
    values: stream.values,
    calls: calls.all,
    get inFlight() {
      return calls.inFlight;
    },
    get subscriptions() {
      return subscriptions.size;
    },
    callsOf: (method, shard) => calls.of(method, shard),
    records: (shard) => stream.shard(shard).log.map(({ record }) => record),
  };
}

type Changes = Pick<
  FakeKinesis,
  'close' | 'deregister' | 'endSubscriptions' | 'expireIterators' | 'fail' | 'merge' | 'put' | 'split' | 'trim'
>;

/** The methods that change the script while it runs. */
function changesOf(parts: {
  readonly stream: FakeStream;
  readonly faults: FakeFaults;
  readonly iterators: FakeIterators;
  readonly consumers: FakeConsumers;
  readonly subscriptions: FakeSubscriptions;
  readonly now: () => number;
}): Changes {
  const { stream, faults, iterators, consumers, subscriptions, now } = parts;
  const changed = <T>(change: T): T => {
    subscriptions.noteChange();
    return change;
  };
  return {
    put: (shard, records) => changed(stream.put(shard, records, now())),
    close: (shard) => changed(stream.close(shard, now())),
    split: (shard, into) => changed(stream.reshard([shard], into, now())),
    merge: (shards, into) => changed(stream.reshard(shards, [into], now())),
    trim: (shard, trim) => changed(stream.trim(shard, { atMs: now(), ...trim })),
    fail: (fault) => faults.add(fault),
    expireIterators: () => iterators.expireAll(now()),
    endSubscriptions: (error) => subscriptions.endAll(typeof error === 'string' ? awsError(error) : error),
    deregister: (consumerName) => subscriptions.endAll(awsError('ResourceNotFoundException'), consumers.deregister(consumerName)),
  };
}
