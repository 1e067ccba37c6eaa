import { asyncScheduler, type Observer, type SchedulerLike } from 'rxjs';
import { assertFunction, assertInteger, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import type { WithoutTime } from '../monitoring/events.js';
import { eventSink } from '../monitoring/eventSink.js';
import type { LeaseEvent } from '../monitoring/lease-events.js';
import { InvalidConfigError } from '../values/errors.js';
import { shown } from '../values/shown.js';
import { fairAssignment } from './fairAssignment.js';
import type { LeaseAssignment } from './lease-rules.js';

/** How a worker shares leases with other workers. */
export interface LeaseConfig {
  /** The name of this worker in the rows. It must be different for each process. @defaultValue a new random UUID */
  readonly workerId?: string | undefined;
  /**
   * How long a lease must go without renewal before another worker takes it, in ms from 100 up. It must be the same for all workers, also
   * for those of KCL. Leases are renewed every third of it. A lease is given up nine tenths of it after its last renewal, and all are after that of
   * the row with this worker's pulse. @defaultValue 10_000
   */
  readonly failoverTimeMs?: number | undefined;
  /** How many leases this worker may have, from 1 up. If no worker has room for a shard, nobody reads it. @defaultValue Infinity */
  readonly maxLeases?: number | undefined;
  /** Decides which leases to take and which to ask for. @defaultValue fairAssignment, a fair share in one round */
  readonly assignment?: LeaseAssignment | undefined;
  /**
   * How often to look at the whole table, in ms from 1 up; it should be the same for all workers. By default two workers watch for all:
   * they read one row of each other worker every seventh of the failover time, and the table after 2.5 failover times. Of more than 25 workers
   * one watches, and reads the table every seventh. The others look after 8 failover times, or when the bell calls them: a number in one row, which
   * they read every twentieth of the failover time. Beside workers of KCL each waits a sixtieth of the failover time for each worker, but at
   * least a twentieth and at most twice the failover time. Half a ms for each row is the least. A
   * worker that waits for a lease that it asked for, or whose request has failed, looks as by default. @defaultValue by who watches
   */
  readonly lookIntervalMs?: number | undefined;
  /** How long a worker may take to hand over a lease when asked, in ms from 0 up; then its work is cut off. @defaultValue 30_000 */
  readonly handOverTimeoutMs?: number | undefined;
  /**
   * How long one request to the table may take, in ms from 1 to `failoverTimeMs`. A renewal that is not answered is made again after it: above two
   * fifths of the failover time the lease may be over by then. @defaultValue a fifth of the failover time
   */
  readonly requestTimeoutMs?: number | undefined;
  /** Whether to delete the rows of shards that are done, or that Kinesis has no more, and whose children have checkpoints, as KCL does. @defaultValue true */
  readonly cleanUp?: boolean | undefined;
  /**
   * Takes the events of leases, or `'silent'`. Its errors and rejections are ignored.
   * @defaultValue warnings and errors are written with `console.warn`, at most once a minute for each kind and shard
   */
  readonly events?: Pick<Observer<LeaseEvent>, 'next'> | 'silent' | undefined;
  /** The scheduler of all timers, and the clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
  /** Returns a number from 0 up to 1. @defaultValue Math.random */
  readonly random?: (() => number) | undefined;
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
  // The worker would wait for a lost answer while the lease, which is over, is anybody's.
  expect(requestTimeoutMs <= failoverTimeMs, `requestTimeoutMs to be at most failoverTimeMs (${failoverTimeMs})`, requestTimeoutMs);
  assertFunction('assignment', assignment);
  assertFunction('random', random);
  assertScheduler(scheduler);
  const shares = { workerId, failoverTimeMs, maxLeases, assignment, lookIntervalMs, handOverTimeoutMs, requestTimeoutMs };
  return { ...shares, cleanUp, scheduler, random, notify: eventSink(events, scheduler) };
}

function expect(holds: boolean, expectation: string, got: unknown): void {
  if (!holds) throw new InvalidConfigError(`expected ${expectation}, got ${shown(got)}`);
}
