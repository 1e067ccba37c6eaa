import type { KinesisMethod } from './fake-calls.js';
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

  constructor(faults: readonly FakeFault[]) {
    faults.forEach((fault) => this.add(fault));
  }

  add(fault: FakeFault): void {
    this.armed.push({ fault, left: fault.times ?? (fault.untilMs === undefined ? 1 : Infinity) });
  }

  /** Returns and counts the fault for this call, if there is one. */
  strike(call: Target, nowMs: number): FakeFault | undefined {
    const hit = this.armed.find(({ fault, left }) => left > 0 && matches(fault, call, nowMs));
    if (hit) hit.left--;
    return hit?.fault;
  }
}

/** The error of a fault, if it has one. */
export function errorOf({ error }: FakeFault): Error | undefined {
  return typeof error === 'string' ? awsError(error) : error;
}

function matches({ method, shard, answer, fromMs = 0, untilMs = Infinity }: FakeFault, call: Target, nowMs: number): boolean {
  if (nowMs < fromMs || nowMs >= untilMs) return false;
  if (method !== undefined && method !== call.method) return false;
  if (answer === 'empty' && call.method !== 'getRecords' && call.method !== 'subscribeToShard') return false;
  return shard === undefined || toShardId(shard) === call.shardId;
}
