import { from, NEVER, Subject, timer, type Subscription } from 'rxjs';
import type { LeasableShard, Lease } from '../../../lib/checkpoints/checkpoint-store.js';
import { boundedPort } from '../../../lib/leases/boundedPort.js';
import { kclAssignment } from '../../../lib/leases/kclAssignment.js';
import { resolveLeaseConfig, type LeaseConfig } from '../../../lib/leases/lease-config.js';
import { isEnded } from '../../../lib/leases/lease.js';
import { leaseStore } from '../../../lib/leases/leaseStore.js';
import { FleetTable } from '../../support/fleet/fleet-table.js';
import { Machine } from '../../support/fleet/machine.js';
import { seededRandom } from '../../support/seeded-random.js';
import { asKcl, atKclPace } from './kcl-rules.js';
import { Reading } from './reading.js';
import { Records } from './records.js';
import { SimulatedStream } from './simulated-stream.js';
import type { GapCause, Hourly, SimulationProgress, SimulationResult } from './simulation-result.js';
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

interface Member {
  readonly id: string;
  readonly machine: Machine;
  readonly link: { isCut: boolean; readonly losesReply: () => boolean };
  readonly shards$: Subject<readonly LeasableShard[]>;
  readonly held: Map<string, Lease>;
  readonly reading: Reading;
  readonly subscriptions: Subscription[];
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #world = new VirtualClock();
  readonly #table: FleetTable;
  readonly #records = new Records();
  readonly #stream: SimulatedStream;
  #losesReplies = false;
  readonly #random: () => number;
  readonly #members = new Set<Member>();
  readonly #paused = new Set<Machine>();
  /** Who works on each shard. */
  readonly #atWork = new Map<string, Set<Member>>();
  readonly #idle = new Map<string, { readonly sinceMs: number; readonly why: GapCause }>();
  readonly #gaps: Record<GapCause, number[]> = { crash: [], faults: [], pause: [], rebalance: [], stop: [] };
  #why: GapCause = 'rebalance';
  #balancedMs: number | undefined;
  #rebalancedMs: number | undefined;
  #doubles = 0;
  #count = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#table = new FleetTable(this.#world, 6);
    this.#random = seededRandom(options.seed);
    this.#stream = new SimulatedStream(options.shards);
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
      this.#records.conclude(this.#stream.open, SCRIPT.end, 3 * CHECKPOINT_MS);
      this.#members.forEach((member) => this.#end(member));
    });
    this.#follow(SCRIPT.end + FAILOVER_MS);
    return {
      ...{ balancedMs: this.#balancedMs, rebalancedMs: this.#rebalancedMs, gapsMs: this.#gaps, doubles: this.#doubles },
      ...{ wrongs: this.#records.wrongs, hourly, leases: this.#stream.open.length, workers: workersLeft },
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

  #counted(): Hourly {
    const { scan: scans, peek: peeks, update, create, ring } = this.#table.counts;
    const readUnits = (scans * Math.ceil((this.#stream.shards.length * ROW_BYTES) / UNIT_BYTES) + peeks) / 2;
    return { scans, peeks, writes: update + create + ring, readUnits };
  }

  #at(ms: number, step: () => unknown): void {
    timer(ms, this.#world).subscribe(step);
  }

  #each(why: GapCause, count: number, step: (member: Member) => void): void {
    this.#why = why;
    // The worker that watches the table is one of them, which is the worst.
    const first = this.#stream.shards[0]!.shardId;
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
    const store = leaseStore(isKcl ? atKclPace(bounded, KCL_LOOK_MS, machine.scheduler) : bounded, resolved);
    const held = new Map<string, Lease>();
    const hasEnded = (shardId: string): boolean => {
      const row = this.#table.rows.get(shardId);
      return !row || isEnded(row);
    };
    const reading = new Reading({
      ...{ store, held, hasEnded, stream: this.#stream, records: this.#records, scheduler: machine.scheduler },
      ...{ nowMs: () => this.#world.now(), over: (shardId: string, lease: Lease) => this.#leave(member, shardId, lease, true) },
    });
    const member: Member = { id, machine, link, held, reading, shards$: new Subject(), subscriptions: [] };
    this.#members.add(member);
    const news = store.leases(member.shards$).subscribe((item) => {
      if (item.type === 'granted') this.#begin(member, item.shardId, item.lease);
      else reading.noteEnd(item.shardId);
    });
    const checkpoints = timer(this.#random() * CHECKPOINT_MS, CHECKPOINT_MS, machine.scheduler).subscribe(() => reading.checkpoint());
    member.subscriptions.push(news, checkpoints);
    member.shards$.next(this.#stream.shards);
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
    member.reading.begin(shardId, lease);
  }

  /** Loses replies, cuts links, sets clocks, splits shards. */
  #disturb(few: number): void {
    this.#losesReplies = true;
    this.#each('faults', few, ({ link }) => {
      link.isCut = true;
      this.#at(3 * FAILOVER_MS, () => (link.isCut = false));
    });
    [...this.#members].slice(-few).forEach(({ machine }, i) => (machine.aheadMs += i % 2 === 0 ? CLOCK_JUMP_MS : -CLOCK_JUMP_MS));
    const split = this.#stream.split(SPLITS_IN);
    for (const { shards$, reading } of this.#members) {
      shards$.next(this.#stream.shards);
      reading.finish(split);
    }
  }

  #isAwake({ machine }: Member): boolean {
    return !machine.isDead && !this.#paused.has(machine);
  }

  /** The work on a shard ends at once, its last checkpoint is written, and the lease goes to whoever is next. */
  #giveUp(member: Member, shardId: string, lease: Lease): void {
    member.reading.release(shardId);
    this.#leave(member, shardId, lease);
  }

  /** @param isOver - whether there is nothing more to read. */
  #leave(member: Member, shardId: string, lease: Lease, isOver = false): void {
    if (member.held.get(shardId) !== lease) return;
    member.held.delete(shardId);
    member.reading.leave(shardId);
    const working = this.#atWork.get(shardId)!;
    working.delete(member);
    // Whoever was stolen from notices later.
    this.#noteBalance();
    if (isOver || [...working].some((other) => this.#isAwake(other)) || this.#idle.has(shardId)) return;
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
    const share = this.#stream.shards.length / counts.length;
    if (total < this.#stream.shards.length || counts.some((count) => count < Math.floor(share) || count > Math.ceil(share))) return;
    if (nowMs < SCRIPT.join) this.#balancedMs = nowMs;
    else this.#rebalancedMs = nowMs - SCRIPT.join;
  }
}
