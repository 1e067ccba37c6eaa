import type { KinesisMethod } from './fake-calls.js';
import { awsError } from './fake-errors.js';
import { toShardId, type ShardName } from '../shard-name.js';

/** What goes wrong with some calls. Without `method`, `shard` and window it means every call. */
export interface FakeFault {
  /** The error's `name`, such as `ProvisionedThroughputExceededException`, or the error itself. */
  readonly error?: Error | string;
  /**
   * Instead of an error: no answer ever (`never`), one that lacks all that it should hold (`malformed`), or a page without records
   * although there are some (`empty`; only GetRecords).
   */
  readonly answer?: 'empty' | 'malformed' | 'never';
  /** How long the call takes, in ms. With neither `error` nor `answer` the call is only slow. @defaultValue as every call */
  readonly latencyMs?: number;
  /** The method that it strikes. @defaultValue every method */
  readonly method?: KinesisMethod;
  /** The shard that it strikes. @defaultValue every shard, and ListShards */
  readonly shard?: ShardName;
  /** How many calls it strikes. @defaultValue 1; with `untilMs` no limit */
  readonly times?: number;
  /** From when on, in ms. @defaultValue the beginning */
  readonly fromMs?: number;
  /** Until before when, in ms. @defaultValue for ever */
  readonly untilMs?: number;
}

/** The part of a call by which faults are chosen. */
export interface Target {
  readonly method: KinesisMethod;
  readonly shardId?: string;
}

/** The faults of one fake, and how often each has struck. */
export class FakeFaults {
  private readonly armed: Array<{ readonly fault: FakeFault; left: number }> = [];

  constructor(faults: readonly FakeFault[]) {
    faults.forEach((fault) => this.add(fault));
  }

  add(fault: FakeFault): void {
    this.armed.push({ fault, left: fault.times ?? (fault.untilMs === undefined ? 1 : Infinity) });
  }

  /** The fault that strikes this call, counted. */
  strike(call: Target, nowMs: number): FakeFault | undefined {
    const hit = this.armed.find(({ fault, left }) => left > 0 && matches(fault, call, nowMs));
    if (hit) hit.left--;
    return hit?.fault;
  }
}

/** The error that a fault stands for, if it does. */
export function errorOf({ error }: FakeFault): Error | undefined {
  return typeof error === 'string' ? awsError(error) : error;
}

function matches({ method, shard, answer, fromMs = 0, untilMs = Infinity }: FakeFault, call: Target, nowMs: number): boolean {
  if (nowMs < fromMs || nowMs >= untilMs) return false;
  if (method !== undefined && method !== call.method) return false;
  if (answer === 'empty' && call.method !== 'getRecords') return false;
  return shard === undefined || toShardId(shard) === call.shardId;
}
