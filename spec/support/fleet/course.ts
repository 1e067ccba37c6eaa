import fc from 'fast-check';

/** What happens to one worker of a fleet. */
export interface FleetEvent {
  readonly atMs: number;
  /** Chosen among those that run, by this number modulo their count. */
  readonly worker: number;
  readonly kind: 'clock' | 'crash' | 'cut' | 'join' | 'pause' | 'stop';
  /** How long it lasts; by how much a clock is set. */
  readonly ms: number;
}

/** One course of a fleet. */
export interface FleetCourse {
  readonly shards: number;
  /** The time between two records of a shard. */
  readonly gapMs: number;
  /** How long the work on a block takes, at most half of `gapMs`: a fleet that cannot keep up proves nothing. */
  readonly workMs: number;
  readonly intervalMs: number;
  /** When shards are split: the oldest that is open. */
  readonly splitsMs: readonly number[];
  /** One reply in so many is lost; 0: none. */
  readonly losesReplyIn: number;
  readonly events: readonly FleetEvent[];
  readonly seed: number;
}

export const FAILOVER_MS = 1_000;
/** From then on nothing happens any more: the fleet has all that is left to do. */
export const CALM_MS = 6_000;
export const END_MS = CALM_MS + 6_000;

const anyEvent: fc.Arbitrary<FleetEvent> = fc.record({
  atMs: fc.integer({ min: 200, max: CALM_MS }),
  worker: fc.nat(5),
  kind: fc.constantFrom('join', 'join', 'stop', 'stop', 'crash', 'pause', 'cut', 'clock'),
  ms: fc.integer({ min: 1, max: 3_000 }),
});

export const anyFleetCourse: fc.Arbitrary<FleetCourse> = fc.record({
  shards: fc.integer({ min: 1, max: 5 }),
  gapMs: fc.integer({ min: 20, max: 200 }),
  workMs: fc.integer({ min: 0, max: 60 }),
  intervalMs: fc.integer({ min: 10, max: 400 }),
  splitsMs: fc.array(fc.integer({ min: 100, max: CALM_MS }), { maxLength: 2 }),
  losesReplyIn: fc.constantFrom(0, 0, 0, 20, 5),
  events: fc.array(anyEvent, { maxLength: 6 }),
  seed: fc.nat(1_000),
});

/** Whether no process stands still: then a worker that cannot renew its leases has given them up before another takes them. */
export function neverPauses({ events }: FleetCourse): boolean {
  return events.every(({ kind }) => kind !== 'pause');
}

/** Whether workers only join and stop: then nothing is repeated, and no two work on a shard. */
export function isPeaceful({ events, losesReplyIn }: FleetCourse): boolean {
  return losesReplyIn === 0 && events.every(({ kind }) => kind === 'join' || kind === 'stop' || kind === 'clock');
}
