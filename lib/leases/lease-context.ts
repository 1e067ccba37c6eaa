import type { Observable } from 'rxjs';
import type { LeasableShard } from '../checkpoints/checkpoint-store.js';
import type { InitialPosition } from '../values/position.js';
import type { HeldLeases } from './held-leases.js';
import type { ResolvedLeaseConfig } from './lease-config.js';
import type { LeaseObserver } from './lease-observer.js';
import type { LeasePort } from './lease-port.js';

/** The parts that all objects around one worker's leases share. */
export interface LeaseContext {
  readonly config: ResolvedLeaseConfig;
  /** Where reading of a shard begins that nobody has worked on. */
  readonly initialPosition: InitialPosition;
  /** The time that the initial position `LATEST` means, in ms since 1970. */
  readonly latestMs?: (() => number) | undefined;
  readonly port: LeasePort;
  readonly held: HeldLeases;
  readonly observer: LeaseObserver;
  /** A clock by which other workers' leases do not look expired when this machine's clock is set, or after a pause of the process. */
  readonly clock: { readonly nowMs: () => number };
  /** The shards in view; `undefined` until they are known. */
  readonly shards: () => ReadonlyMap<string, LeasableShard> | undefined;
  /** Has the other workers look at the table soon. */
  readonly ring: () => void;
  /** Runs work on a lease after the earlier work on it. */
  readonly inTurn: <T>(shardId: string, work: () => Observable<T>) => Observable<T>;
}
