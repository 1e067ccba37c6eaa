import { concat, defer, from, NEVER, Subject, timer, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
import type { LeasableShard, Lease, LeaseNews } from '../../lib/checkpoints/checkpoint-store.js';
import { boundedPort } from '../../lib/leases/boundedPort.js';
import { resolveLeaseConfig, type LeaseConfig } from '../../lib/leases/lease-config.js';
import type { LeaseRow } from '../../lib/leases/lease.js';
import type { LeasePort } from '../../lib/leases/lease-port.js';
import { leaseStore, type LeaseStore } from '../../lib/leases/leaseStore.js';
import type { ShardIdentity } from '../../lib/values/shard-id.js';
import { FleetTable } from './fleet/fleet-table.js';
import { Machine } from './fleet/machine.js';
import { leasable, leasables } from './lease-fleet.js';
import { seededRandom } from './seeded-random.js';

export const FAILOVER_MS = 1_000;

/** A worker whose requests can be made to fail one by one, on a machine that can stand still. */
export interface PulseWorker {
  readonly id: string;
  readonly machine: Machine;
  readonly link: { isCut: boolean; readonly losesReply: () => boolean };
  readonly store: LeaseStore;
  readonly held: Map<number, Lease>;
  /** What it was told, such as `120 granted 0` and `500 lost 0`. */
  readonly told: string[];
  /** Its requests that were sent, such as `120 update 0`. */
  readonly sent: string[];
  /** Writes the checkpoint of a shard. */
  checkpoint(shard: number, sequenceNumber: string): void;
  /** Releases a lease. */
  release(shard: number): void;
  /** Writes the end of a shard, and releases its lease. */
  end(shard: LeasableShard & Pick<ShardIdentity, 'childShards'>): void;
  /** No more shards; all leases are released. */
  stop(): void;
  /** The process is gone. */
  kill(): void;
}

/** Changes the port of one worker. */
export type Faults = (port: LeasePort) => Partial<LeasePort>;

/** A fleet that shares shards in virtual time, with a failover time of 1 s and 2 ms for each request. */
export class PulseFleet {
  readonly table: FleetTable;
  readonly workers: PulseWorker[] = [];
  /** Each time when a worker was granted a lease while another one, which was not standing still, held it: `120 0 w1 w2`. */
  readonly doubles: string[] = [];
  readonly #world: SchedulerLike;
  readonly #shards: readonly LeasableShard[];
  readonly #paused = new Set<PulseWorker>();

  constructor(world: SchedulerLike, shards: number) {
    this.#world = world;
    this.#shards = leasables(shards);
    this.table = new FleetTable(world, 2);
  }

  row(shard: number): LeaseRow {
    return this.table.rows.get(leasable(shard).shardId)!;
  }

  /** Changes a row, as another program would. */
  put(shard: number, fields: Partial<LeaseRow>): void {
    this.table.rows.put({ ...this.row(shard), ...fields });
  }

  /** Runs the steps, each at its time; then all workers are killed, since renewals never end by themselves. */
  run(flush: () => void, endMs: number, steps: Readonly<Record<number, () => void>>): void {
    for (const [atMs, step] of Object.entries({ ...steps, [endMs]: () => this.workers.forEach((worker) => worker.kill()) }))
      timer(Number(atMs), this.#world).subscribe(step);
    flush();
  }

  pause(worker: PulseWorker, ms: number): void {
    this.#paused.add(worker);
    worker.machine.pause();
    timer(ms, this.#world).subscribe(() => {
      this.#paused.delete(worker);
      worker.machine.resume();
    });
  }

  start(id: string, faults: Faults = () => ({}), config: LeaseConfig = {}): PulseWorker {
    const machine = new Machine(this.#world);
    const link = { isCut: false, losesReply: () => false };
    const { scheduler } = machine;
    const random = seededRandom(this.workers.length + 1);
    const resolved = resolveLeaseConfig({ workerId: id, failoverTimeMs: FAILOVER_MS, scheduler, random, events: 'silent', ...config });
    const sent: string[] = [];
    const port = this.#told(this.table.portOf(id, machine, link), sent);
    const store = leaseStore(boundedPort({ ...port, ...faults(port) }, resolved), resolved);
    const shards$ = new Subject<readonly LeasableShard[]>();
    const [held, told] = [new Map<number, Lease>(), [] as string[]];
    const tell = (text: string): void => void told.push(`${Math.round(this.#world.now())} ${text}`);
    const lose = (shard: number, lease: Lease): void => {
      tell(`lost ${shard}`);
      if (held.get(shard) === lease) held.delete(shard);
    };
    const release = (shard: number): void => {
      if (!held.delete(shard)) return;
      defer(() => from(store.release(leasable(shard)))).subscribe({ error: () => undefined });
    };
    const granted = (news: LeaseNews): void => {
      if (news.type !== 'granted') return;
      const [shard, { lease }] = [Number(news.shardId.slice(-12)), news];
      tell(`granted ${shard}`);
      for (const other of this.workers)
        if (other !== worker && other.held.has(shard) && !other.machine.isDead && !this.#paused.has(other))
          this.doubles.push(`${Math.round(this.#world.now())} ${shard} ${other.id} ${id}`);
      held.set(shard, lease);
      from(lease.lost$).subscribe(() => lose(shard, lease));
      from(lease.asked$ ?? NEVER).subscribe(() => release(shard));
    };
    const subscription: Subscription = store.leases(shards$).subscribe({ next: granted, complete: () => tell('complete') });
    const worker: PulseWorker = {
      ...{ id, machine, link, store, held, told, sent, release },
      checkpoint: (shard, sequenceNumber) => {
        const checkpoint = { streamName: 'flights', shardId: leasable(shard).shardId, sequenceNumber, subSequenceNumber: 0 };
        defer(() => from(store.write(checkpoint, leasable(shard)))).subscribe({ error: () => undefined });
      },
      end: (shard) => {
        const end = { streamName: 'flights', shardId: shard.shardId, sequenceNumber: 'SHARD_END', subSequenceNumber: 0 };
        const release$ = defer(() => {
          held.delete(Number(shard.shardId.slice(-12)));
          return from(store.release(shard));
        });
        concat(
          defer(() => from(store.write(end, shard))),
          release$,
        ).subscribe({ error: () => undefined });
      },
      stop: () => {
        shards$.complete();
        [...held.keys()].forEach(release);
      },
      kill: () => {
        machine.isDead = true;
        held.clear();
        subscription.unsubscribe();
      },
    };
    this.workers.push(worker);
    shards$.next(this.#shards);
    return worker;
  }

  /** Notes each request when it is sent. */
  #told(port: LeasePort, sent: string[]): LeasePort {
    const note = <T>(what: string, request: Observable<T>): Observable<T> =>
      defer(() => {
        sent.push(`${Math.round(this.#world.now())} ${what}`);
        return request;
      });
    return {
      ...port,
      scan: (isConsistent) => note(isConsistent ? 'consistent scan' : 'scan', port.scan(isConsistent)),
      peek: (key) => note(`peek ${Number(key.slice(-12))}`, port.peek(key)),
      update: (key, update) => note(`update ${Number(key.slice(-12))}`, port.update(key, update)),
    };
  }
}

/** The lines of a kind from one time up to another. */
export function linesOf(lines: readonly string[], kind: string, from = 0, to = Infinity): string[] {
  return lines.filter((line) => {
    const [at, ...what] = line.split(' ');
    return what.join(' ').startsWith(kind) && Number(at) >= from && Number(at) < to;
  });
}
