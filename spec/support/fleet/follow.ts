import { bufferTime, catchError, concatMap, defer, EMPTY, of, Subject, tap, timer, type SchedulerLike, type Subscription } from 'rxjs';
import { boundedPort } from '../../../lib/leases/boundedPort.js';
import { resolveLeaseConfig } from '../../../lib/leases/lease-config.js';
import { leaseStore } from '../../../lib/leases/leaseStore.js';
import type { KinesisPort } from '../../../lib/kinesis/port.js';
import { checkpointEvery } from '../../../lib/operators/checkpointEvery.js';
import { mergeShards } from '../../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../../lib/sources/kinesisStream.js';
import { fakeKinesis, type FakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import type { Block } from '../../../lib/values/block.js';
import { fastReading } from '../fast-reading.js';
import { seededRandom } from '../seeded-random.js';
import { CALM_MS, END_MS, FAILOVER_MS, type FleetCourse, type FleetEvent } from './course.js';
import { FleetTable } from './fleet-table.js';
import { Machine } from './machine.js';

/** A record that a worker has begun, or finished, to work on. */
export interface Worked {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly workerId: string;
  readonly atMs: number;
  readonly isDone: boolean;
  /** Who held the shard's lease at that moment. */
  readonly holder: string | undefined;
}

/** What came of a course. */
export interface FleetOutcome {
  readonly kinesis: FakeKinesis;
  /** Each child's parent. */
  readonly parents: ReadonlyMap<string, string>;
  readonly table: FleetTable;
  readonly worked: readonly Worked[];
  readonly errors: readonly unknown[];
}

interface FleetMember {
  readonly machine: Machine;
  readonly link: { isCut: boolean; readonly losesReply: () => boolean };
  readonly stop$: Subject<void>;
  readonly subscription: Subscription;
  isOver: boolean;
}

/** Follows a course to its end, in the virtual time of `world`. */
export function followFleet(world: SchedulerLike, flush: () => void, course: FleetCourse): FleetOutcome {
  return new Fleet(world, course).follow(flush);
}

class Fleet {
  readonly #world: SchedulerLike;
  readonly #course: FleetCourse;
  readonly #kinesis: FakeKinesis;
  readonly #table: FleetTable;
  readonly #random: () => number;
  readonly #members: FleetMember[] = [];
  readonly #worked: Worked[] = [];
  readonly #errors: unknown[] = [];
  readonly #parents = new Map<string, string>();
  #open: number[];
  #shards: number;

  constructor(world: SchedulerLike, course: FleetCourse) {
    this.#world = world;
    this.#course = course;
    this.#random = seededRandom(course.seed + 1);
    this.#open = Array.from({ length: course.shards }, (_, i) => i);
    this.#shards = course.shards;
    this.#kinesis = fakeKinesis({ shards: Object.fromEntries(this.#open.map((shard) => [shard, ''])), scheduler: world });
    this.#table = new FleetTable(world, 4);
  }

  follow(flush: () => void): FleetOutcome {
    const { events, gapMs, splitsMs } = this.#course;
    this.#join();
    this.#join();
    for (let ms = 1; ms < CALM_MS; ms += gapMs) this.#at(ms, () => this.#open.forEach((shard) => this.#kinesis.put(shard, [{ atMs: ms }])));
    for (const ms of splitsMs) this.#at(ms, () => this.#split());
    for (const event of events) this.#at(event.atMs, () => this.#happen(event));
    // Also what still lasts is over then, and somebody is there to do the rest.
    this.#at(CALM_MS + 3_000, () => (this.#alive().length === 0 ? this.#join() : undefined));
    this.#at(END_MS, () => this.#members.forEach((member) => this.#crash(member)));
    flush();
    return { kinesis: this.#kinesis, parents: this.#parents, table: this.#table, worked: this.#worked, errors: this.#errors };
  }

  #at(ms: number, step: () => void): void {
    timer(ms, this.#world).subscribe(step);
  }

  #alive(): FleetMember[] {
    return this.#members.filter(({ isOver }) => !isOver);
  }

  #happen({ kind, worker, ms }: FleetEvent): void {
    if (kind === 'join') return this.#join();
    const alive = this.#alive();
    const member = alive[worker % alive.length];
    if (!member) return this.#join();
    const { machine, link } = member;
    const end = Math.min(ms, CALM_MS + 2_000 - this.#world.now());
    if (kind === 'stop') {
      member.isOver = true;
      member.stop$.next();
    } else if (kind === 'crash') this.#crash(member);
    else if (kind === 'pause') {
      machine.pause();
      this.#later(end, () => machine.resume());
    } else if (kind === 'cut') {
      link.isCut = true;
      this.#later(end, () => (link.isCut = false));
    } else machine.aheadMs += ms % 2 === 0 ? ms : -ms;
  }

  #later(ms: number, step: () => void): void {
    this.#at(Math.max(ms, 1), step);
  }

  #crash(member: FleetMember): void {
    member.isOver = true;
    member.machine.isDead = true;
    member.subscription.unsubscribe();
  }

  #split(): void {
    const [parent, ...others] = this.#open;
    const children = [this.#shards++, this.#shards++];
    const idOf = (shard: number): string => `shardId-${String(shard).padStart(12, '0')}`;
    for (const child of children) this.#parents.set(idOf(child), idOf(parent!));
    this.#kinesis.split(parent!, children);
    this.#open = [...others, ...children];
  }

  #join(): void {
    const workerId = `w${this.#members.length + 1}`;
    const machine = new Machine(this.#world);
    const { losesReplyIn } = this.#course;
    const link = { isCut: false, losesReply: () => losesReplyIn > 0 && this.#world.now() < CALM_MS && this.#random() < 1 / losesReplyIn };
    const { scheduler } = machine;
    const resolved = resolveLeaseConfig({ workerId, failoverTimeMs: FAILOVER_MS, scheduler, random: this.#random, events: 'silent' });
    const store = leaseStore(boundedPort(this.#table.portOf(workerId, machine, link), resolved), resolved);
    const stop$ = new Subject<void>();
    const reading = fastReading(this.#gated(machine), { store, stop: stop$, scheduler, random: this.#random, events: 'silent' });
    const pipeline$ = kinesisStream({ ...reading, discoveryIntervalMs: 500, stopTimeoutMs: 5_000 }).pipe(
      mergeShards(
        (shard) =>
          shard.pipe(
            bufferTime(15, scheduler),
            withSequenceRanges(),
            concatMap((block) => this.#work(block, workerId, machine)),
            checkpointEvery(this.#course.intervalMs, { scheduler, retryDelayMs: 20, random: this.#random }),
          ),
        { scheduler, random: this.#random, restart: { initialDelayMs: 20, maxDelayMs: 200, maxRestarts: 1_000 } },
      ),
      catchError((error: unknown) => (this.#errors.push(error), EMPTY)),
    );
    const member: FleetMember = {
      machine,
      link,
      stop$,
      subscription: pipeline$.subscribe({ complete: () => (member.isOver = true) }),
      isOver: false,
    };
    this.#members.push(member);
  }

  #gated(machine: Machine): KinesisPort {
    return {
      listShards: (request) => machine.gate(this.#kinesis.listShards(request)),
      getShardIterator: (request) => machine.gate(this.#kinesis.getShardIterator(request)),
      getRecords: (request) => machine.gate(this.#kinesis.getRecords(request)),
    };
  }

  #work(block: Block, workerId: string, { scheduler }: Machine) {
    const note = (isDone: boolean) => () => {
      for (const { shardId, sequenceNumber } of block.records)
        this.#worked.push({ shardId, sequenceNumber, workerId, atMs: this.#world.now(), isDone, holder: this.#table.holderOf(shardId) });
    };
    return defer(() => {
      note(false)();
      return timer(Math.min(this.#course.workMs, this.#course.gapMs / 2), scheduler).pipe(
        tap(note(true)),
        concatMap(() => of(block)),
      );
    });
  }
}
