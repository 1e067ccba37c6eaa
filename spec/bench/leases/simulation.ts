import {
  catchError,
  concat,
  defer,
  EMPTY,
  from,
  map,
  NEVER,
  of,
  retry,
  Subject,
  switchMap,
  tap,
  timer,
  type Observable,
  type SchedulerLike,
  type Subscription,
} from 'rxjs';
import type { LeasableShard, Lease } from '../../../lib/checkpoints/checkpoint-store.js';
import { boundedPort } from '../../../lib/leases/boundedPort.js';
import { kclAssignment } from '../../../lib/leases/kclAssignment.js';
import { resolveLeaseConfig, type LeaseConfig } from '../../../lib/leases/lease-config.js';
import type { LeasePort, TableView } from '../../../lib/leases/lease-port.js';
import { isEnded } from '../../../lib/leases/lease.js';
import type { LeaseUpdate } from '../../../lib/leases/lease-updates.js';
import { leaseStore, type LeaseStore } from '../../../lib/leases/leaseStore.js';
import { FleetTable } from '../../support/fleet/fleet-table.js';
import { Machine } from '../../support/fleet/machine.js';
import { leasable, leasables } from '../../support/lease-fleet.js';
import { seededRandom } from '../../support/seeded-random.js';
import { Records, type Wrongs } from './records.js';
import { VirtualClock } from './virtual-clock.js';

/** By whose rules the leases are shared: this package's, or KCL 2.x's, whose workers cannot be asked and give nothing up. */
export type Rules = 'kcl' | 'own';

export interface SimulationOptions {
  readonly workers: number;
  readonly shards: number;
  readonly rules: Rules;
  readonly seed: number;
  /** Called each second of virtual time. */
  readonly tell?: (progress: SimulationProgress) => void;
}

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
  readonly gapsMs: Readonly<Record<'crash' | 'faults' | 'pause' | 'rebalance' | 'stop', readonly number[]>>;
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

/** The size of a row with hash keys, checkpoint and two owners by name. */
const ROW_BYTES = 350;
const UNIT_BYTES = 4_096;

export const FAILOVER_MS = 10_000;
/** KCL's own interval: (failover + 25 ms) x 2. */
const KCL_LOOK_MS = 2 * (FAILOVER_MS + 25);
/** When things happen, in ms. */
const SCRIPT = {
  join: 120_000,
  crash: 240_000,
  stop: 360_000,
  pause: 480_000,
  faults: 600_000,
  healed: 660_000,
  calm: 720_000,
  end: 1_080_000,
};
/** In the time of faults one reply in so many is lost. */
const LOSES_REPLY_IN = 50;
/** One shard in so many is split, all at that time. */
const SPLITS_IN = 100;
const CLOCK_JUMP_MS = 3_600_000;
/** Two renewals come between two checkpoints, wherever in a tick of the renewals those are: so the writes of two courses can be compared. */
const CHECKPOINT_MS = 9_000;
/** When a request that failed is made again. */
const RETRY_MS = 500;
const PROGRESS_MS = 1_000;
/** The share of the workers to which each of them happens. */
const SHARE = 0.1;

/**
 * Runs the script: all start; a tenth joins, crashes, stops, stands still for 30 s; a minute in which replies are lost, a tenth of the clocks
 * is set, a tenth cannot reach the table for 30 s, and shards are split; calm. In virtual time.
 */
export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run();
}

/** A worker of KCL does not say that it can be asked for a lease. */
function asKcl(port: LeasePort): LeasePort {
  const update = (key: string, { set, ...change }: LeaseUpdate) => {
    const { leaseOwner, leaseCounter, checkpoint } = set;
    const shown = {
      ...(leaseOwner !== undefined && { leaseOwner }),
      ...(leaseCounter !== undefined && { leaseCounter }),
      ...(checkpoint && { checkpoint }),
    };
    return port.update(key, { ...change, set: shown });
  };
  /** If another worker was first, one of KCL goes on with the next lease: here a step does that after an error, and not after a refusal. */
  const take = (key: string, change: LeaseUpdate) =>
    update(key, change).pipe(map((done) => (done || change.set.leaseOwner === undefined ? done : refuse())));
  // Nor does it listen for the bell or ring it.
  return { ...port, update: take, peek: () => NEVER, ring: () => of(true) };
}

function refuse(): never {
  throw new Error('another worker was first');
}

/** Whatever calls for a look, a worker of KCL looks once in so long a time, from when it has first seen leases. */
function atKclPace(port: LeasePort, scheduler: SchedulerLike): LeasePort {
  let nextMs = 0;
  const look = (isConsistent: boolean): Observable<TableView> => {
    const nowMs = scheduler.now();
    const waitMs = Math.max(0, nextMs - nowMs);
    const view$ = waitMs > 0 ? timer(waitMs, scheduler).pipe(switchMap(() => port.scan(isConsistent))) : port.scan(isConsistent);
    return view$.pipe(tap(({ leases }) => (leases.length > 0 ? (nextMs = nowMs + waitMs + KCL_LOOK_MS) : undefined)));
  };
  return { ...port, scan: (isConsistent) => defer(() => look(isConsistent)) };
}

interface Member {
  readonly id: string;
  readonly machine: Machine;
  readonly link: { isCut: boolean; readonly losesReply: () => boolean };
  readonly store: LeaseStore;
  readonly shards$: Subject<readonly LeasableShard[]>;
  readonly held: Map<string, Lease>;
  /** The shards that it reads: a child only once its parent has ended. */
  readonly reading: Set<string>;
  /** The shards of which it knows that they have ended. */
  readonly ended: Set<string>;
  readonly subscriptions: Subscription[];
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #world = new VirtualClock();
  readonly #table: FleetTable;
  readonly #records = new Records();
  #shards: readonly LeasableShard[];
  #byId: ReadonlyMap<string, LeasableShard>;
  #children: ReadonlyMap<string, readonly LeasableShard[]> = new Map();
  #losesReplies = false;
  readonly #random: () => number;
  readonly #members = new Set<Member>();
  readonly #paused = new Set<Machine>();
  /** Who works on each shard. */
  readonly #atWork = new Map<string, Set<Member>>();
  readonly #idle = new Map<string, { readonly sinceMs: number; readonly why: keyof SimulationResult['gapsMs'] }>();
  readonly #gaps = {
    crash: [] as number[],
    faults: [] as number[],
    pause: [] as number[],
    rebalance: [] as number[],
    stop: [] as number[],
  };
  #why: keyof SimulationResult['gapsMs'] = 'rebalance';
  #balancedMs: number | undefined;
  #rebalancedMs: number | undefined;
  #doubles = 0;
  #count = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#table = new FleetTable(this.#world, 6);
    this.#random = seededRandom(options.seed);
    this.#shards = leasables(options.shards);
    this.#byId = new Map(this.#shards.map((shard) => [shard.shardId, shard]));
  }

  run(): SimulationResult {
    const { workers } = this.#options;
    const few = Math.max(1, Math.round(workers * SHARE));
    for (let i = 0; i < workers; i++) this.#join();
    this.#at(SCRIPT.join, () => Array.from({ length: few }, () => this.#join()));
    this.#at(SCRIPT.crash, () => this.#each('crash', few, (member) => this.#end(member)));
    this.#at(SCRIPT.stop, () => this.#each('stop', few, (member) => this.#stop(member)));
    this.#at(SCRIPT.pause, () => this.#each('pause', few, (member) => this.#pause(member, 3 * FAILOVER_MS)));
    this.#at(SCRIPT.faults, () => this.#disturb(few));
    this.#at(SCRIPT.healed, () => (this.#losesReplies = false));
    let calm = this.#counted();
    this.#at(SCRIPT.calm, () => (calm = this.#counted()));
    let hourly = calm;
    let workersLeft = 0;
    this.#at(SCRIPT.end, () => {
      const perHour = 3_600_000 / (SCRIPT.end - SCRIPT.calm);
      const now = this.#counted();
      const over = (of: keyof Hourly): number => (now[of] - calm[of]) * perHour;
      hourly = { scans: over('scans'), peeks: over('peeks'), writes: over('writes'), readUnits: over('readUnits') };
      workersLeft = this.#members.size;
      this.#check();
      this.#records.conclude(this.#open(), SCRIPT.end, 3 * CHECKPOINT_MS);
      this.#members.forEach((member) => this.#end(member));
    });
    this.#follow(SCRIPT.end + FAILOVER_MS);
    return {
      ...{ balancedMs: this.#balancedMs, rebalancedMs: this.#rebalancedMs, gapsMs: this.#gaps, doubles: this.#doubles },
      ...{ wrongs: this.#records.wrongs, hourly, leases: this.#open().length, workers: workersLeft },
    };
  }

  #follow(endMs: number): void {
    for (let nowMs = 0; nowMs < endMs;) {
      nowMs = Math.min(nowMs + PROGRESS_MS, endMs);
      this.#world.runUntil(nowMs);
      this.#check();
      const requests = Object.values(this.#table.counts).reduce((sum, count) => sum + count, 0);
      const held = [...this.#members].reduce((sum, member) => sum + member.held.size, 0);
      this.#options.tell?.({ nowMs, endMs, steps: this.#world.steps, requests, scans: this.#table.counts.scan, held });
    }
  }

  #check(): void {
    this.#table.checkpoints.splice(0).forEach((checkpoint) => this.#records.note(checkpoint));
  }

  #open(): string[] {
    return this.#shards.flatMap(({ shardId, closed }) => (closed ? [] : shardId));
  }

  #counted(): Hourly {
    const { scan: scans, peek: peeks, update, create, ring } = this.#table.counts;
    const readUnits = (scans * Math.ceil((this.#shards.length * ROW_BYTES) / UNIT_BYTES) + peeks) / 2;
    return { scans, peeks, writes: update + create + ring, readUnits };
  }

  #at(ms: number, step: () => unknown): void {
    timer(ms, this.#world).subscribe(step);
  }

  #each(why: keyof SimulationResult['gapsMs'], count: number, step: (member: Member) => void): void {
    this.#why = why;
    // The worker that watches the table is one of them, which is the worst.
    const first = this.#shards[0]!.shardId;
    const order = [...this.#members].sort((a, b) => Number(b.held.has(first)) - Number(a.held.has(first)));
    order.slice(0, count).forEach(step);
  }

  #join(): void {
    const id = `w${++this.#count}`;
    const machine = new Machine(this.#world);
    const link = { isCut: false, losesReply: () => this.#losesReplies && this.#random() < 1 / LOSES_REPLY_IN };
    const isKcl = this.#options.rules === 'kcl';
    const config: LeaseConfig = {
      ...{ workerId: id, failoverTimeMs: FAILOVER_MS, scheduler: machine.scheduler, random: this.#random, events: 'silent' },
      ...(isKcl && { assignment: kclAssignment, lookIntervalMs: KCL_LOOK_MS }),
    };
    const resolved = resolveLeaseConfig(config);
    const port = this.#table.portOf(id, machine, link);
    const bounded = boundedPort(isKcl ? asKcl(port) : port, resolved);
    const store = leaseStore(isKcl ? atKclPace(bounded, machine.scheduler) : bounded, resolved);
    const member: Member = {
      ...{ id, machine, link, store, shards$: new Subject<readonly LeasableShard[]>(), held: new Map<string, Lease>() },
      ...{ reading: new Set<string>(), ended: new Set<string>(), subscriptions: [] },
    };
    this.#members.add(member);
    const news = store.leases(member.shards$).subscribe((item) => {
      if (item.type === 'granted') this.#begin(member, item.shardId, item.lease);
      else this.#noteEnd(member, item.shardId);
    });
    const checkpoints = timer(this.#random() * CHECKPOINT_MS, CHECKPOINT_MS, machine.scheduler).subscribe(() =>
      member.reading.forEach((shardId) => this.#write(member, shardId).subscribe({ error: () => undefined })),
    );
    member.subscriptions.push(news, checkpoints);
    member.shards$.next(this.#shards);
  }

  #begin(member: Member, shardId: string, lease: Lease): void {
    member.held.set(shardId, lease);
    const working = this.#atWork.get(shardId) ?? new Set();
    if (working.size > 0 && [...working].some((other) => other !== member && this.#isAwake(other))) this.#doubles++;
    working.add(member);
    this.#atWork.set(shardId, working);
    const idle = this.#idle.get(shardId);
    if (idle) this.#gaps[idle.why].push(this.#world.now() - idle.sinceMs);
    this.#idle.delete(shardId);
    this.#noteBalance();
    from(lease.lost$).subscribe(() => this.#leave(member, shardId, lease));
    from(lease.asked$ ?? NEVER).subscribe(() => this.#giveUp(member, shardId, lease));
    this.#read(member, shardId, lease);
  }

  /** Begins to read a shard, once its parents have ended; a shard that was split has nothing more to read. */
  #read(member: Member, shardId: string, lease: Lease): void {
    const shard = this.#byId.get(shardId)!;
    const isHeld = (): boolean => member.held.get(shardId) === lease;
    if (!shard.parentShardIds.every((id) => member.ended.has(id))) return;
    for (const id of shard.parentShardIds) {
      const parent = this.#table.rows.get(id);
      if (parent && !isEnded(parent)) this.#records.wrongs.early++;
    }
    const begin$ = defer(() => (isHeld() ? from(member.store.read(shard)) : EMPTY));
    begin$.pipe(retry({ delay: () => timer(RETRY_MS, member.machine.scheduler) })).subscribe((checkpoint) => {
      if (!isHeld()) return;
      this.#records.begin(shardId, checkpoint, this.#world.now());
      member.reading.add(shardId);
      if (shard.closed) this.#finish(member, shardId, lease);
    });
  }

  /** Writes how far a shard was read. */
  #write(member: Member, shardId: string): Observable<unknown> {
    return defer(() => {
      const sequenceNumber = String(this.#records.read(shardId, this.#world.now()));
      return from(member.store.write({ streamName: 'flights', shardId, sequenceNumber, subSequenceNumber: 0 }, this.#byId.get(shardId)!));
    });
  }

  /** Writes the end of a shard that was split, and releases it. */
  #finish(member: Member, shardId: string, lease: Lease): void {
    const shard = { ...this.#byId.get(shardId)!, childShards: this.#children.get(shardId)! };
    this.#records.end(shardId);
    member.reading.delete(shardId);
    const isHeld = (): boolean => member.held.get(shardId) === lease;
    const end = { streamName: 'flights', shardId, sequenceNumber: 'SHARD_END', subSequenceNumber: 0 };
    const again = retry<unknown>({ delay: () => timer(RETRY_MS, member.machine.scheduler) });
    const end$ = defer(() => (isHeld() ? from(member.store.write(end, shard)) : EMPTY)).pipe(again);
    end$.subscribe({
      next: () => {
        this.#leave(member, shardId, lease);
        this.#idle.delete(shardId);
        defer(() => from(member.store.release(shard)))
          .pipe(retry({ count: 3, delay: () => timer(RETRY_MS, member.machine.scheduler) }))
          .subscribe({ error: () => undefined });
        this.#noteEnd(member, shardId);
      },
    });
  }

  #noteEnd(member: Member, shardId: string): void {
    member.ended.add(shardId);
    for (const child of this.#children.get(shardId) ?? []) {
      const lease = member.held.get(child.shardId);
      if (lease && !member.reading.has(child.shardId)) this.#read(member, child.shardId, lease);
    }
  }

  /** Loses replies, cuts links, sets clocks, splits shards. */
  #disturb(few: number): void {
    this.#losesReplies = true;
    this.#each('faults', few, ({ link }) => {
      link.isCut = true;
      this.#at(3 * FAILOVER_MS, () => (link.isCut = false));
    });
    [...this.#members].slice(-few).forEach(({ machine }, i) => (machine.aheadMs += i % 2 === 0 ? CLOCK_JUMP_MS : -CLOCK_JUMP_MS));
    const children = new Map<string, readonly LeasableShard[]>();
    let count = this.#shards.length;
    const closed = this.#shards.map((shard, i) => (i % SPLITS_IN === 0 ? { ...shard, closed: true } : shard));
    for (const { shardId, hashKeyRange, closed: isSplit } of closed) {
      if (!isSplit) continue;
      const [first, last] = [BigInt(hashKeyRange!.startingHashKey), BigInt(hashKeyRange!.endingHashKey)];
      const middle = (first + last) / 2n;
      const child = (from: bigint, to: bigint): LeasableShard =>
        leasable(count++, { parentShardIds: [shardId], hashKeyRange: { startingHashKey: String(from), endingHashKey: String(to) } });
      children.set(shardId, [child(first, middle), child(middle + 1n, last)]);
    }
    this.#children = children;
    this.#shards = [...closed, ...[...children.values()].flat()];
    this.#byId = new Map(this.#shards.map((shard) => [shard.shardId, shard]));
    for (const member of this.#members) {
      member.shards$.next(this.#shards);
      for (const shardId of children.keys()) {
        const lease = member.held.get(shardId);
        if (lease && member.reading.has(shardId)) this.#finish(member, shardId, lease);
      }
    }
  }

  #isAwake({ machine }: Member): boolean {
    return !machine.isDead && !this.#paused.has(machine);
  }

  /** The work on a shard ends at once, its last checkpoint is written, and the lease goes to whoever is next. */
  #giveUp(member: Member, shardId: string, lease: Lease): void {
    const again = retry<unknown>({ count: 3, delay: () => timer(RETRY_MS, member.machine.scheduler) });
    const write$ = member.reading.has(shardId) ? this.#write(member, shardId) : EMPTY;
    this.#leave(member, shardId, lease);
    const release$ = defer(() => from(member.store.release(this.#byId.get(shardId)!)));
    concat(
      write$.pipe(
        again,
        catchError(() => EMPTY),
      ),
      release$.pipe(again),
    ).subscribe({ error: () => undefined });
  }

  #leave(member: Member, shardId: string, lease: Lease): void {
    if (member.held.get(shardId) !== lease) return;
    member.held.delete(shardId);
    member.reading.delete(shardId);
    const working = this.#atWork.get(shardId)!;
    working.delete(member);
    // Whoever was stolen from notices later.
    this.#noteBalance();
    if ([...working].some((other) => this.#isAwake(other)) || this.#idle.has(shardId)) return;
    this.#idle.set(shardId, { sinceMs: this.#world.now(), why: this.#why });
  }

  #stop(member: Member): void {
    this.#members.delete(member);
    // KCL gives nothing up.
    if (this.#options.rules === 'kcl') return this.#end(member);
    member.shards$.complete();
    for (const [shardId, lease] of [...member.held]) this.#giveUp(member, shardId, lease);
  }

  #end(member: Member): void {
    this.#members.delete(member);
    for (const [shardId, lease] of [...member.held]) this.#leave(member, shardId, lease);
    member.machine.isDead = true;
    member.subscriptions.forEach((subscription) => subscription.unsubscribe());
  }

  #pause(member: Member, ms: number): void {
    this.#paused.add(member.machine);
    for (const shardId of member.held.keys()) this.#idle.set(shardId, { sinceMs: this.#world.now(), why: 'pause' });
    member.machine.pause();
    timer(ms, this.#world).subscribe(() => {
      this.#paused.delete(member.machine);
      member.machine.resume();
    });
  }

  /** Whether each worker has its share, give or take one. */
  #noteBalance(): void {
    const nowMs = this.#world.now();
    const isDue = nowMs < SCRIPT.join ? this.#balancedMs === undefined : nowMs < SCRIPT.crash && this.#rebalancedMs === undefined;
    if (!isDue) return;
    const counts = [...this.#members].map(({ held }) => held.size);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const share = this.#shards.length / counts.length;
    if (total < this.#shards.length || counts.some((count) => count < Math.floor(share) || count > Math.ceil(share))) return;
    if (nowMs < SCRIPT.join) this.#balancedMs = nowMs;
    else this.#rebalancedMs = nowMs - SCRIPT.join;
  }
}
