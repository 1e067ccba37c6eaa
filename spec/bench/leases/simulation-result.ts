import type { Wrongs } from './records.js';

/** What happened to the worker whose shards nobody reads. */
export type GapCause = 'crash' | 'faults' | 'pause' | 'rebalance' | 'stop';

/** How far a simulation is. */
export interface SimulationProgress {
  readonly nowMs: number;
  readonly endMs: number;
  /** What came due and was done: timers, requests and replies. */
  readonly steps: number;
  /** The requests that have arrived. */
  readonly requests: number;
  readonly scans: number;
  /** The leases that are worked on. */
  readonly held: number;
}

/** What a simulation has come to. Times in ms. */
export interface SimulationResult {
  /** From the start of all workers until each has its share. */
  readonly balancedMs: number | undefined;
  /** From the coming of a tenth more workers until each has its share. */
  readonly rebalancedMs: number | undefined;
  /** How long each shard of a crashed, stopped or paused worker was held by nobody at work; `faults`: of one that could not reach the table. */
  readonly gapsMs: Readonly<Record<GapCause, readonly number[]>>;
  /** How often two workers believed to hold one shard. */
  readonly doubles: number;
  /** What must not happen, by any rules. */
  readonly wrongs: Readonly<Wrongs>;
  /** The requests of the calm time at the end, counted for an hour. */
  readonly hourly: Hourly;
  /** The leases and workers of that time. */
  readonly leases: number;
  readonly workers: number;
}

/** Requests in an hour, of the whole fleet. */
export interface Hourly {
  readonly scans: number;
  /** Reads of the one row that is the bell. */
  readonly peeks: number;
  readonly writes: number;
  /** Read units of both: half a one for 4 KiB of a scan, and for a row. */
  readonly readUnits: number;
}
