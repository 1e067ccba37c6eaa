import { defer, from, NEVER, of, Subject, timer, type Subscription } from 'rxjs';
import type { LeasableShard, Lease } from '../../../lib/checkpoints/checkpoint-store.js';
import { boundedPort } from '../../../lib/leases/boundedPort.js';
import { kclAssignment } from '../../../lib/leases/kclAssignment.js';
import { resolveLeaseConfig, type LeaseConfig } from '../../../lib/leases/lease-config.js';
import type { LeasePort } from '../../../lib/leases/lease-port.js';
import type { LeaseUpdate } from '../../../lib/leases/lease-updates.js';
import { leaseStore, type LeaseStore } from '../../../lib/leases/leaseStore.js';
import { FleetTable } from '../../support/fleet/fleet-table.js';
import { Machine } from '../../support/fleet/machine.js';
import { leasables } from '../../support/lease-fleet.js';
import { seededRandom } from '../../support/seeded-random.js';
import { VirtualClock } from './virtual-clock.js';

/** By whose rules the leases are shared: this package's, or KCL 2.x's, whose workers cannot be asked and give nothing up. */
export type Rules = 'kcl' | 'own';

export interface SimulationOptions {
  readonly workers: number;
  readonly shards: number;
  readonly rules: Rules;
  readonly seed: number;
}

/** What a simulation has come to. Times in ms. */
export interface SimulationResult {
  /** From the start of all workers until each has its share. */
  readonly balancedMs: number | undefined;
  /** From the coming of a tenth more workers until each has its share. */
  readonly rebalancedMs: number | undefined;
  /** How long each shard of a crashed, stopped or paused worker was held by nobody at work. */
  readonly gapsMs: Readonly<Record<'crash' | 'stop' | 'pause' | 'rebalance', readonly number[]>>;
  /** How often two workers believed to hold one shard. */
  readonly doubles: number;
  /** The requests of the calm time at the end, counted for an hour. */
  readonly hourly: Hourly;
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
const SCRIPT = { join: 120_000, crash: 240_000, stop: 360_000, pause: 480_000, calm: 600_000, end: 960_000 };
/** The share of the workers to which each of them happens. */
const SHARE = 0.1;

/** Runs the script: all start; a tenth joins, crashes, stops, stands still for 30 s; calm. In virtual time. */
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
  // Nor does it listen for the bell or ring it.
  return { ...port, update, peek: () => NEVER, ring: () => of(true) };
}

interface Member {
  readonly id: string;
  readonly machine: Machine;
  readonly link: { isCut: boolean; readonly losesReply: () => boolean };
  readonly store: LeaseStore;
  readonly shards$: Subject<readonly LeasableShard[]>;
  readonly held: Map<string, Lease>;
  subscription: Subscription | undefined;
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #world = new VirtualClock();
  readonly #table: FleetTable;
  readonly #shards: readonly LeasableShard[];
  readonly #byId: ReadonlyMap<string, LeasableShard>;
  readonly #random: () => number;
  readonly #members = new Set<Member>();
  readonly #paused = new Set<Machine>();
  /** Who works on each shard. */
  readonly #atWork = new Map<string, Set<Member>>();
  readonly #idle = new Map<string, { readonly sinceMs: number; readonly why: keyof SimulationResult['gapsMs'] }>();
  readonly #gaps = { crash: [] as number[], stop: [] as number[], pause: [] as number[], rebalance: [] as number[] };
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
    let calm = this.#counted();
    this.#at(SCRIPT.calm, () => (calm = this.#counted()));
    let hourly = calm;
    this.#at(SCRIPT.end, () => {
      const perHour = 3_600_000 / (SCRIPT.end - SCRIPT.calm);
      const now = this.#counted();
      const over = (of: keyof Hourly): number => (now[of] - calm[of]) * perHour;
      hourly = { scans: over('scans'), peeks: over('peeks'), writes: over('writes'), readUnits: over('readUnits') };
      this.#members.forEach((member) => this.#end(member));
    });
    this.#world.runUntil(SCRIPT.end + FAILOVER_MS);
    return { balancedMs: this.#balancedMs, rebalancedMs: this.#rebalancedMs, gapsMs: this.#gaps, doubles: this.#doubles, hourly };
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
    const link = { isCut: false, losesReply: () => false };
    const isKcl = this.#options.rules === 'kcl';
    const config: LeaseConfig = {
      ...{ workerId: id, failoverTimeMs: FAILOVER_MS, scheduler: machine.scheduler, random: this.#random, events: 'silent' },
      ...(isKcl && { assignment: kclAssignment, lookIntervalMs: KCL_LOOK_MS }),
    };
    const resolved = resolveLeaseConfig(config);
    const port = this.#table.portOf(id, machine, link);
    const store = leaseStore(boundedPort(isKcl ? asKcl(port) : port, resolved), resolved);
    const member: Member = { id, machine, link, store, shards$: new Subject(), held: new Map(), subscription: undefined };
    this.#members.add(member);
    member.subscription = store.leases(member.shards$).subscribe((news) => {
      if (news.type === 'granted') this.#begin(member, news.shardId, news.lease);
    });
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
  }

  #isAwake({ machine }: Member): boolean {
    return !machine.isDead && !this.#paused.has(machine);
  }

  /** The work on a shard ends at once, and the lease goes to whoever is next. */
  #giveUp(member: Member, shardId: string, lease: Lease): void {
    this.#leave(member, shardId, lease);
    defer(() => from(member.store.release(this.#byId.get(shardId)!))).subscribe({ error: () => undefined });
  }

  #leave(member: Member, shardId: string, lease: Lease): void {
    if (member.held.get(shardId) !== lease) return;
    member.held.delete(shardId);
    const working = this.#atWork.get(shardId)!;
    working.delete(member);
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
    member.subscription?.unsubscribe();
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
