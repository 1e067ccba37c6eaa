import { defer, of, from, merge, mergeMap, Subject, throwError, timer, type Observable } from 'rxjs';
import type { BlockStore } from '../../../lib/blocks/block-store.js';
import type { CheckpointStore } from '../../../lib/checkpoints/checkpoint-store.js';
import { LeaseLostError } from '../../../lib/checkpoints/errors.js';
import type { KinesisEvent } from '../../../lib/monitoring/events.js';
import { mergeShards } from '../../../lib/operators/mergeShards.js';
import { polling } from '../../../lib/readers/polling.js';
import { kinesisShard } from '../../../lib/sources/kinesisShard.js';
import { kinesisStream } from '../../../lib/sources/kinesisStream.js';
import type { FakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import type { Block } from '../../../lib/values/block.js';
import { quickReading } from '../quick-shard.js';
import { fakeLeases, type FakeLeases } from '../fake-leases.js';
import { isStream, shardIdsOf, type Course } from './course.js';
import { observedStore, observedByOwner, type Observations } from './observations.js';
import { pipelinesOf } from './pipelines.js';

/** What a {@link Process} is made of. */
export interface ProcessOptions {
  readonly kinesis: FakeKinesis;
  readonly seen: Observations;
  readonly course: Course;
  readonly number: number;
  /** The process before, whose leases may have to be waited for. */
  readonly before: Process | undefined;
  readonly checkpoints: CheckpointStore;
  readonly blocks: BlockStore | undefined;
  readonly mayRefuse: (process: Process) => void;
  /** Is told every event. */
  readonly tell: (event: KinesisEvent) => void;
}

/** One process: its store, its leases and its consumer. */
export class Process {
  readonly number: number;
  readonly run$: Observable<Block>;
  /** Whether it crashed: nothing that it writes from then on arrives. */
  isDead = false;
  isOver = false;
  /** Whether it ended with an error, so that the next one begins. */
  isFailed = false;
  isStopping = false;
  readonly #leases: FakeLeases | undefined;
  readonly #losses = new Map<string, number>();
  readonly #stop = new Subject<void>();

  constructor(options: ProcessOptions) {
    const { course, seen, number, before, checkpoints, mayRefuse } = options;
    this.number = number;
    const hasLeases = course.losses !== undefined && isStream(course);
    // Where there are leases the time of a write passes ahead of the fence, see below.
    const writeMs = hasLeases ? undefined : course.writeMs;
    const inner = observedStore(seen, { inner: checkpoints, process: number, writeMs, mayRefuse: () => mayRefuse(this) });
    if (hasLeases) {
      const isFree = (shardId: string): boolean => !before?.holds(shardId);
      // As a lease table lets a worker wait until the one before has released a shard. Not with a periodic timer: TestScheduler fails when
      // one is cleared in a frame in which others are due.
      const whenFree = (shardId: string): Observable<unknown> =>
        defer(() => (isFree(shardId) ? of(0) : timer(1).pipe(mergeMap(() => whenFree(shardId)))));
      this.#leases = fakeLeases({ inner, latencyMs: 0, taking: (granting, { shardId }) => whenFree(shardId).pipe(mergeMap(granting)) });
    }
    const isHeld = (shardId: string): boolean => this.holds(shardId);
    const plain = this.#leases ? { ...this.#leases, write: this.#fencedWrite(this.#leases, course.writeMs ?? 0) } : inner;
    const recovering = new Set<string>();
    const store = observedByOwner(seen, plain, { isHeld, isDead: () => this.isDead, isRecovering: (shardId) => recovering.has(shardId) });
    const note = (event: KinesisEvent): void => {
      if (event.type === 'recoveryStarted') recovering.add(event.shardId);
      if (event.type === 'recovered' || event.type === 'shardReleased') recovering.delete(event.shardId);
    };
    this.run$ = consumerOf(options, { store, note, isHeld, stop: this.#stop });
  }

  /** Whether it may work on a shard: always, where there are no leases. */
  holds(shardId: string): boolean {
    return this.#leases?.held.has(shardId) ?? true;
  }

  stop(): void {
    this.isStopping = true;
    this.#stop.next();
  }

  /** Another worker takes a shard, if this one has it. */
  lose(shard: number): boolean {
    const shardId = `shardId-00000000000${shard}`;
    const isTaken = this.#leases?.held.has(shardId) ?? false;
    if (isTaken) this.#losses.set(shardId, this.#lossesOf(shardId) + 1);
    if (isTaken) this.#leases?.lose(shard);
    return isTaken;
  }

  /** Refuses a write that arrives after a loss, although this worker may have the shard again by then. */
  #fencedWrite(leases: FakeLeases, writeMs: number): CheckpointStore['write'] {
    return (checkpoint, shard) => {
      const { shardId } = shard;
      const losses = this.#lossesOf(shardId);
      const isFenced = (): boolean => losses !== this.#lossesOf(shardId);
      return timer(writeMs).pipe(
        mergeMap(() => (isFenced() ? throwError(() => new LeaseLostError(shard)) : from(leases.write(checkpoint, shard)))),
      );
    };
  }

  #lossesOf(shardId: string): number {
    return this.#losses.get(shardId) ?? 0;
  }

  /** Another worker asks for a shard, if this one has it. */
  handOver(shard: number): boolean {
    const isAsked = this.#leases?.held.has(`shardId-00000000000${shard}`) ?? false;
    if (isAsked) this.#leases?.ask(shard);
    return isAsked;
  }

  /** It has the shard again, unless it is about to end. Returns whether it had given the shard up by now. */
  regain(shard: number): boolean {
    if (this.holds(`shardId-00000000000${shard}`)) return false;
    if (!this.isStopping && !this.isDead) this.#leases?.give(shard);
    return true;
  }

  loseAll(): void {
    for (const shardId of this.#leases?.held ?? []) this.#leases?.lose(shardId);
  }
}

interface Means {
  readonly store: CheckpointStore;
  /** Takes the events first. */
  readonly note: (event: KinesisEvent) => void;
  readonly isHeld: (shardId: string) => boolean;
  readonly stop: Observable<void>;
}

function consumerOf(
  { course, kinesis, seen, number, blocks, tell }: ProcessOptions,
  { store, note, isHeld, stop }: Means,
): Observable<Block> {
  const { maxInFlightRecords, maxRetries, idleDelayMs, page } = course;
  const reading = {
    ...quickReading(),
    ...{
      client: kinesis,
      store,
      stop,
      maxInFlightRecords,
      random: () => 0.5,
      events: { next: (event: KinesisEvent) => (note(event), tell(event)) },
    },
    retry: { maxRetries, initialDelayMs: 3 },
    reader: polling({ idleDelayMs, maxRecordsPerPage: page }),
  };
  const { ofShard, behind } = pipelinesOf(course, { store, blocks, process: number, seen, isHeld });
  if (!isStream(course)) return ofShard(merge(...shardIdsOf(course).map((shardId) => kinesisShard({ ...reading, shardId }))));
  const restart = { maxRestarts: 1_000, initialDelayMs: 2 };
  return behind(kinesisStream({ ...reading, discoveryIntervalMs: Infinity }).pipe(mergeShards(ofShard, { restart, random: () => 0.5 })));
}
