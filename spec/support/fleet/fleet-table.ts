import { Observable, of, type SchedulerLike } from 'rxjs';
import { holderOf } from '../../../lib/leases/lease.js';
import type { LeasePort } from '../../../lib/leases/lease-port.js';
import { FakeLeaseRows } from '../../../lib/testing/leases/fake-lease-rows.js';
import type { Position } from '../../../lib/values/position.js';
import type { Machine } from './machine.js';

/** How the network between a machine and the table is. */
export interface Link {
  /** Nothing arrives, neither way. */
  isCut: boolean;
  /** Whether the next reply is lost. */
  readonly losesReply: () => boolean;
}

/** A checkpoint that the table has taken, and who held the lease then. */
export interface TakenCheckpoint {
  readonly shardId: string;
  readonly workerId: string;
  readonly holder: string | undefined;
  readonly position: Position;
}

/** The lease table of a fleet, as each of its machines reaches it. */
export class FleetTable {
  readonly rows = new FakeLeaseRows();
  readonly checkpoints: TakenCheckpoint[] = [];
  /** How many requests have arrived, by what they are. */
  readonly counts = { scan: 0, get: 0, peek: 0, ring: 0, create: 0, update: 0, remove: 0 };
  readonly #world: SchedulerLike;
  readonly #latencyMs: number;

  constructor(world: SchedulerLike, latencyMs: number) {
    this.#world = world;
    this.#latencyMs = latencyMs;
  }

  holderOf(shardId: string): string | undefined {
    const row = this.rows.get(shardId);
    return row && holderOf(row);
  }

  portOf(workerId: string, machine: Machine, link: Link): LeasePort {
    const halfMs = this.#latencyMs / 2;
    // Without operators: a large fleet makes millions of requests.
    const ask = <T>(what: keyof FleetTable['counts'], work: () => T): Observable<T> =>
      machine.gate(
        new Observable<T>((subscriber) => {
          const reply = (result: T | undefined): void => {
            if (link.isCut || link.losesReply()) return;
            subscriber.next(result as T);
            subscriber.complete();
          };
          const arrive = (): void => {
            if (link.isCut) return;
            this.counts[what]++;
            const result = work();
            subscriber.add(this.#world.schedule<T>(reply, halfMs, result));
          };
          subscriber.add(this.#world.schedule(arrive, halfMs));
        }),
      );
    const { rows } = this;
    return {
      scan: () => ask('scan', () => ({ leases: rows.all(), unreadable: [] })),
      get: (key) => ask('get', () => rows.get(key)),
      peek: (key) => ask('peek', () => rows.get(key)),
      ring: (key) => ask('ring', () => rows.ring(key)),
      create: (lease) => ask('create', () => rows.create(lease)),
      remove: (key, counter) => ask('remove', () => rows.remove(key, counter)),
      update: (key, update) =>
        ask('update', () => {
          const holder = this.holderOf(key);
          const done = rows.update(key, update);
          const position = update.set.checkpoint;
          if (done && position) this.checkpoints.push({ shardId: key, workerId, holder, position });
          return done;
        }),
      publishWorker: () => of(true),
      withdrawWorker: () => of(true),
    };
  }
}
