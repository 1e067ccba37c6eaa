import { assertInteger, assertKnownFields, assertNumber, type FieldsOf } from '../../internal/validate.js';
import { InvalidConfigError } from '../../values/errors.js';
import { shown } from '../../values/shown.js';
import { assertMethodName, type KinesisMethod } from './fake-calls.js';
import { awsError } from './fake-errors.js';
import { toShardId, type ShardName } from '../shard-name.js';

/** A fault of some calls. Without `method`, `shard`, `fromMs` and `untilMs` any call matches. */
export interface FakeFault {
  /** The error's `name`, such as `ProvisionedThroughputExceededException`, or the error itself. */
  readonly error?: Error | string;
  /**
   * Instead of an error: never an answer (`never`), an answer without its fields (`malformed`), a page without records although there
   * are some (`empty`; GetRecords), or a subscription that never gives an event (`empty`; SubscribeToShard).
   */
  readonly answer?: 'empty' | 'malformed' | 'never';
  /** How long the call takes, in ms. With neither `error` nor `answer` the call is only slow. @defaultValue as every call */
  readonly latencyMs?: number;
  /** The method that it affects. @defaultValue every method */
  readonly method?: KinesisMethod;
  /** The shard that it affects. @defaultValue every shard, and ListShards */
  readonly shard?: ShardName;
  /** How many calls it affects. @defaultValue 1; with `untilMs` no limit */
  readonly times?: number;
  /** The time from which it applies, in ms. @defaultValue the beginning */
  readonly fromMs?: number;
  /** The time before which it applies, in ms. @defaultValue for ever */
  readonly untilMs?: number;
}

/** The part of a call that selects its fault. */
export interface Target {
  readonly method: KinesisMethod;
  readonly shardId?: string;
}

/** The faults of one fake, and how many calls each may still affect. */
export class FakeFaults {
  private readonly armed: Array<{ readonly fault: FakeFault; left: number }> = [];

  constructor(
    faults: readonly FakeFault[],
    private readonly stream: { shard(name: ShardName): unknown },
  ) {
    faults.forEach((fault) => this.add(fault));
  }

  /** Adds a fault, which must be one that can strike: without it a spec would pass that tests nothing. */
  add(fault: FakeFault): void {
    assertFault(fault);
    if (fault.shard !== undefined) this.stream.shard(fault.shard);
    this.armed.push({ fault, left: fault.times ?? (fault.untilMs === undefined ? 1 : Infinity) });
  }

  /** Returns and counts the fault for this call, if there is one. */
  strike(call: Target, nowMs: number): FakeFault | undefined {
    const hit = this.armed.find(({ fault, left }) => left > 0 && matches(fault, call, nowMs));
    if (hit) hit.left--;
    return hit?.fault;
  }
}

function assertFault(fault: FakeFault): void {
  assertKnownFields(fault, FIELDS, 'fakeKinesis: fault');
  const { error, answer, latencyMs, method, shard } = fault;
  assertItStrikes(fault);
  if (method !== undefined) assertMethodName(method);
  if (error === undefined && answer === undefined && latencyMs === undefined)
    throw new InvalidConfigError('fakeKinesis: expected a fault to have error, answer or latencyMs');
  if (answer !== undefined && !['empty', 'malformed', 'never'].includes(answer))
    throw new InvalidConfigError(`fakeKinesis: expected the answer of a fault to be empty, malformed or never, got ${shown(answer)}`);
  if (method !== undefined && answer === 'empty' && !MAY_BE_EMPTY.has(method))
    throw new InvalidConfigError(`fakeKinesis: the answer of ${method} cannot be empty`);
  if (method !== undefined && shard !== undefined && !OF_A_SHARD.has(method))
    throw new InvalidConfigError(`fakeKinesis: expected a fault without shard, since ${method} is of no shard`);
}

/** Refuses numbers by which no call would ever match. */
function assertItStrikes({ latencyMs = 0, times = 1, fromMs = 0, untilMs = Infinity }: FakeFault): void {
  assertNumber('fakeKinesis: fault: latencyMs', latencyMs, 0);
  if (times !== Infinity) assertInteger('fakeKinesis: fault: times', times, 1);
  if (!(fromMs < untilMs))
    throw new InvalidConfigError(`fakeKinesis: expected a fault with fromMs before untilMs, got ${fromMs} and ${untilMs}`);
}

const FIELDS: FieldsOf<FakeFault> = {
  error: true,
  answer: true,
  latencyMs: true,
  method: true,
  shard: true,
  times: true,
  fromMs: true,
  untilMs: true,
};
const MAY_BE_EMPTY: ReadonlySet<KinesisMethod> = new Set(['getRecords', 'subscribeToShard']);
const OF_A_SHARD: ReadonlySet<KinesisMethod> = new Set(['getRecords', 'getShardIterator', 'subscribeToShard']);

/** The error of a fault, if it has one. */
export function errorOf({ error }: FakeFault): Error | undefined {
  return typeof error === 'string' ? awsError(error) : error;
}

function matches({ method, shard, answer, fromMs = 0, untilMs = Infinity }: FakeFault, call: Target, nowMs: number): boolean {
  if (nowMs < fromMs || nowMs >= untilMs) return false;
  if (method !== undefined && method !== call.method) return false;
  if (answer === 'empty' && !MAY_BE_EMPTY.has(call.method)) return false;
  return shard === undefined || toShardId(shard) === call.shardId;
}
