import type { HashKeyRange } from '../values/shard-id.js';
import type { TimedEvent } from './timed-event.js';

interface LeaseEventOf extends TimedEvent {
  readonly shardId: string;
  /** This worker. */
  readonly workerId: string;
}

/** This worker has acquired a lease. */
export interface LeaseTakenEvent extends LeaseEventOf {
  readonly type: 'leaseTaken';
  /**
   * `free`: nobody had the lease; `expired`: its owner did not renew it; `handedOver`: its former owner, or KCL 3's leader, gave it to
   * this worker; `regained`: this worker, or an earlier process of its name, had lost it, and nobody has taken it since; `stolen`: this worker took it from an owner that has too many leases and cannot be asked, or did not answer.
   */
  readonly from: 'free' | 'expired' | 'handedOver' | 'regained' | 'stolen';
  /** The worker that had it before, if one had. */
  readonly formerOwner?: string;
  /** For how long this worker had seen no renewal of the lease, in ms. */
  readonly idleMs: number;
  /** A decimal number as text, which grows with every tenure of the shard: a sink can refuse a lower one. */
  readonly fencingToken: string;
}

/** A lease was renewed by a request of its own: a checkpoint that is written renews it too. */
export interface LeaseRenewedEvent extends LeaseEventOf {
  readonly type: 'leaseRenewed';
}

/** A lease was renewed later than it should have been: the table answers slowly, or this process does not get to run. */
export interface LeaseRenewedLateEvent extends LeaseEventOf {
  readonly type: 'leaseRenewedLate';
  /** The time since the last renewal, in ms, exact to a twelfth of the failover time. */
  readonly sinceMs: number;
}

/** This worker has lost a lease, and ends its work on the shard. */
export interface LeaseLostEvent extends LeaseEventOf {
  readonly type: 'leaseLost';
  /**
   * `taken`: another worker has the lease; `sameWorkerId`: another process with the same `workerId` has taken it, and the two share that name's
   * leases from then on; `expired`: this worker could not renew it in time; `handOverTimeout`: another worker asked for it, and the work on the shard
   * did not end in time.
   */
  readonly reason: 'taken' | 'sameWorkerId' | 'expired' | 'handOverTimeout';
  /** For how long it was held, in ms. */
  readonly heldMs: number;
}

/** Another worker asks this one for a lease. */
export interface LeaseAskedEvent extends LeaseEventOf {
  readonly type: 'leaseAsked';
  /** The worker that asks for it. */
  readonly nextOwner: string;
}

/** This worker asks another one for a lease. */
export interface LeaseRequestedEvent extends LeaseEventOf {
  readonly type: 'leaseRequested';
  /** The worker that has it, and is asked. */
  readonly owner: string;
}

/** This worker has given a lease up. */
export interface LeaseReleasedEvent extends LeaseEventOf {
  readonly type: 'leaseReleased';
  /** Whom it was handed over to; absent when any worker may take it. */
  readonly nextOwner?: string;
  /** For how long the lease was held, in ms. */
  readonly heldMs: number;
}

/** This worker has lost every lease that it held. It goes on trying. */
export interface AllLeasesLostEvent extends TimedEvent {
  readonly type: 'allLeasesLost';
  /** The name of this worker. */
  readonly workerId: string;
}

/** This worker has freed a lease whose owner is gone and which is beyond its own share, so that another worker can take it at once. */
export interface LeaseFreedEvent extends LeaseEventOf {
  readonly type: 'leaseFreed';
  /** The worker that had it. */
  readonly formerOwner: string;
  /** For how long this worker had seen no renewal of the lease, in ms. */
  readonly idleMs: number;
}

/** A request to the lease table failed; it is made again. */
export interface LeaseRequestFailedEvent extends TimedEvent {
  readonly type: 'leaseRequestFailed';
  /** The name of this worker. */
  readonly workerId: string;
  /**
   * What the request was for. `look`: to read the table, or one of its rows; `keep`: to make rows that are missing, and to delete those that nobody
   * needs; `renew`: a lease that this worker holds; `take`: to take a lease, to ask its owner for it, or to free it for others; `release`: to
   * remove this worker's name from a row, as the next or the former owner; `ring`: to call the other workers; `publish`: to write that this worker
   * is alive, for the leader of KCL 3; `withdraw`: to delete that again.
   */
  readonly action: 'look' | 'keep' | 'renew' | 'take' | 'release' | 'ring' | 'publish' | 'withdraw';
  /** The shard of the row; absent for a look at the whole table. */
  readonly shardId?: string;
  /** How often it has failed in a row. */
  readonly attempt: number;
  /** `throttling`: the table asks to slow down; `transient`: a fault that passes; `fatal`: one that does not pass by itself. */
  readonly reason: 'throttling' | 'transient' | 'fatal';
  /** What the request failed with. */
  readonly error: unknown;
}

/** This worker has looked at the whole lease table. */
export interface LeasesSeenEvent extends TimedEvent {
  readonly type: 'leasesSeen';
  /** The name of this worker. */
  readonly workerId: string;
  /** The leases in the table, of all workers. */
  readonly leases: number;
  /** Those that this worker holds. */
  readonly held: number;
}

/** A row of the lease table cannot be read, so nobody works on its shard. */
export interface LeaseUnreadableEvent extends TimedEvent {
  readonly type: 'leaseUnreadable';
  /** The id of the shard, for example `shardId-000000000000`. */
  readonly shardId: string;
  /** What is wrong with the row. */
  readonly error: unknown;
}

/** No lease covers some hash keys, at the third look in a row: nobody reads the records that hash to them. */
export interface HashKeysUncoveredEvent extends TimedEvent {
  readonly type: 'hashKeysUncovered';
  /** The hash keys that no lease has, as ranges. */
  readonly holes: readonly HashKeyRange[];
}

/** What happens to leases. */
export type LeaseEvent =
  | AllLeasesLostEvent
  | HashKeysUncoveredEvent
  | LeaseAskedEvent
  | LeaseFreedEvent
  | LeaseLostEvent
  | LeaseReleasedEvent
  | LeaseRenewedEvent
  | LeaseRenewedLateEvent
  | LeaseRequestFailedEvent
  | LeaseRequestedEvent
  | LeaseTakenEvent
  | LeaseUnreadableEvent
  | LeasesSeenEvent;
