import { asyncScheduler, type Observer, type SchedulerLike } from 'rxjs';
import { assertFunction, assertInteger, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import type { WithoutTime } from '../monitoring/events.js';
import { eventSink } from '../monitoring/eventSink.js';
import type { LeaseEvent } from '../monitoring/lease-events.js';
import { InvalidConfigError } from '../values/errors.js';
import { shown } from '../values/shown.js';
import { fairAssignment } from './fairAssignment.js';
import type { LeaseAssignment } from './lease-rules.js';

/** How a worker shares leases with others. */
export interface LeaseConfig {
  /** Names this worker in the rows. Must be another for each process. @defaultValue a new random UUID */
  readonly workerId?: string;
  /**
   * For how long a lease must stand still before another worker takes it, in ms from 100 up. Must be the same for all workers, KCL's too.
   * Leases are renewed each third of it, and given up 9 tenths of it after the last renewal. @defaultValue 10_000
   */
  readonly failoverTimeMs?: number;
  /** How many leases this worker may have, from 1 up. Shards for which no worker has room are read by nobody. @defaultValue Infinity */
  readonly maxLeases?: number;
  /** Decides which leases to take, and for which to ask. @defaultValue a fair share in one round */
  readonly assignment?: LeaseAssignment;
  /**
   * How often to look at the whole table, in ms from 1 up. Without it as often as costs about a fifth of the renewals: each sixtieth of the failover
   * time for each worker, between a twentieth and twice of it. @defaultValue by the number of workers and of rows
   */
  readonly lookIntervalMs?: number;
  /** How long a worker may take to hand over a lease that it is asked for, in ms from 0 up; then its work is cut off. @defaultValue 30_000 */
  readonly handOverTimeoutMs?: number;
  /** How long one request to the table may take, in ms above 0. @defaultValue a fifth of the failover time */
  readonly requestTimeoutMs?: number;
  /** Whether to delete the rows of shards that are done and whose children are under way, as KCL does. @defaultValue true */
  readonly cleanUp?: boolean;
  /**
   * Takes what happens to leases, or `'silent'`. What it throws or rejects with is ignored.
   * @defaultValue what an operator must know is written with `console.warn`, at most once a minute for each kind and shard
   */
  readonly events?: Pick<Observer<LeaseEvent>, 'next'> | 'silent';
  /** Every timer and clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** A number from 0 up to 1. @defaultValue Math.random */
  readonly random?: () => number;
}

/** A {@link LeaseConfig} checked, with its defaults. */
export interface ResolvedLeaseConfig extends Required<Omit<LeaseConfig, 'events' | 'lookIntervalMs'>> {
  readonly lookIntervalMs: number | undefined;
  readonly notify: (event: WithoutTime<LeaseEvent>) => void;
}

/** The fields of a {@link LeaseConfig}. */
export const LEASE_FIELDS: FieldsOf<LeaseConfig> = {
  workerId: true,
  failoverTimeMs: true,
  maxLeases: true,
  assignment: true,
  lookIntervalMs: true,
  handOverTimeoutMs: true,
  requestTimeoutMs: true,
  cleanUp: true,
  events: true,
  scheduler: true,
  random: true,
};

/** Checks the config. @throws InvalidConfigError */
export function resolveLeaseConfig(config: LeaseConfig): ResolvedLeaseConfig {
  const { workerId = crypto.randomUUID(), failoverTimeMs = 10_000, maxLeases = Infinity, assignment = fairAssignment } = config;
  const { lookIntervalMs, handOverTimeoutMs = 30_000, requestTimeoutMs = failoverTimeMs / 5 } = config;
  const { cleanUp = true, events, scheduler = asyncScheduler, random = Math.random } = config;
  expect(typeof workerId === 'string' && workerId !== '', 'workerId to be a non-empty string', workerId);
  expect(typeof cleanUp === 'boolean', 'cleanUp to be true or false', cleanUp);
  assertNumber('failoverTimeMs', failoverTimeMs, 100);
  if (maxLeases !== Infinity) assertInteger('maxLeases', maxLeases, 1);
  if (lookIntervalMs !== undefined) assertNumber('lookIntervalMs', lookIntervalMs, 1);
  assertNumber('handOverTimeoutMs', handOverTimeoutMs, 0);
  assertNumber('requestTimeoutMs', requestTimeoutMs, 1);
  assertFunction('assignment', assignment);
  assertFunction('random', random);
  assertScheduler(scheduler);
  const shares = { workerId, failoverTimeMs, maxLeases, assignment, lookIntervalMs, handOverTimeoutMs, requestTimeoutMs };
  return { ...shares, cleanUp, scheduler, random, notify: eventSink(events, scheduler) };
}

function expect(holds: boolean, expectation: string, got: unknown): void {
  if (!holds) throw new InvalidConfigError(`expected ${expectation}, got ${shown(got)}`);
}
