import type { FlightCount } from './flights.js';

export const STREAM = 'flights';
export const LEASE_TABLE = 'flights-demo';
/** The bucket of the second copies. */
export const BUCKET = 'blocks';

/** How many shards the stream has at the beginning. */
export const SHARDS = 4;
/** How many workers share them. */
export const WORKERS = 2;
/** After so long without a sign of life from a worker, the others take its shards, in ms. Short, so that the demo is: the default is 10 s. */
export const FAILOVER_MS = 4_000;

/** How long the flights take to be produced, in ms: what the emulators keep up with beside two workers on two cores. */
export const DURATION_MS: Readonly<Record<FlightCount, number>> = { 20000: 28_000, all: 60_000 };
/** How many bytes of blocks a worker keeps in memory: not all those of a second in which the sink stands still. */
export const MEMORY_BYTES: Readonly<Record<FlightCount, number>> = { 20000: 32 * 1024, all: 256 * 1024 };
