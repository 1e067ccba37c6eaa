import { expect } from 'chai';
import {
  bufferTime,
  concat,
  concatMap,
  defer,
  ignoreElements,
  lastValueFrom,
  of,
  Subject,
  takeUntil,
  tap,
  type Observable,
  type ObservableInput,
  type Observer,
} from 'rxjs';
import {
  checkpointEvery,
  kinesisStream,
  memoryCheckpoints,
  mergeShards,
  polling,
  readBudget,
  recoverFrom,
  withSequenceRanges,
  type Block,
  type KinesisEvent,
  type KinesisRecord,
  type KinesisStreamConfig,
  type RecoverFromConfig,
  type RestartConfig,
} from '../../lib/index.js';
import type { StreamFields } from './fast-reading.js';
import type { TestStream } from './test-stream.js';
import { SERVICE_DEADLINE_MS, until } from './until.js';

/** Reads as fast as a local service answers: the service's quotas do not hold there, and a spec does not wait for them. */
export const fast = {
  reader: polling({ idleDelayMs: 20 }),
  budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
  retry: { initialDelayMs: 1, maxDelayMs: 20 },
} as const;

/** Options to read and work on so many records at a time, so that a spec can act while there is more to read. */
export function inPagesOf(records: number): Pick<KinesisStreamConfig, 'reader' | 'maxInFlightRecords'> {
  return { reader: polling({ idleDelayMs: 20, maxRecordsPerPage: records }), maxInFlightRecords: records };
}

/** A whole consumer, as a program would run it. */
export interface Consumer {
  /** The blocks whose work is done, in the order in which it was. */
  readonly blocks: readonly Block[];
  /** Their records. */
  readonly records: readonly KinesisRecord[];
  readonly events: readonly KinesisEvent[];
  /** The events of one type. */
  eventsOf<T extends KinesisEvent['type']>(type: T): Extract<KinesisEvent, { type: T }>[];
  /** Waits until as many records are done as were put, or `count`. */
  hasDone(expected: TestStream | number): Promise<void>;
  /** Waits for `condition`; fails at once when the consumer does. */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Fires the notifier `stop`, and waits until the consumer completes. */
  stop(): Promise<void>;
  /** Waits until the consumer ends by itself: rejects with its error. */
  ended(): Promise<void>;
  /** Unsubscribes. */
  abort(): void;
}

/** A {@link KinesisStreamConfig} with defaults for local services, and how the pipeline of a shard works. */
export interface ConsumerConfig extends Omit<StreamFields, 'client' | 'stop' | 'events'>, Pick<KinesisStreamConfig, 'client'> {
  /** One of the two. */
  readonly streamName?: string;
  readonly streamARN?: string;
  /** Works on a block; the block is done when it completes. */
  readonly work?: (block: Block) => ObservableInput<unknown>;
  readonly restart?: RestartConfig;
  readonly recover?: RecoverFromConfig;
  /** Takes the events too. */
  readonly watcher?: Pick<Observer<KinesisEvent>, 'next'>;
}

/** Starts a consumer: blocks of 10 ms, recovery, one block of a shard at a time, checkpoints every 20 ms. */
export function consume({ work = () => [], restart, recover, watcher, ...config }: ConsumerConfig): Consumer {
  const { store = memoryCheckpoints() } = config;
  const blocks: Block[] = [];
  const events: KinesisEvent[] = [];
  const stop$ = new Subject<void>();
  const observer = {
    next: (event: KinesisEvent) => {
      events.push(event);
      watcher?.next(event);
    },
  };

  const workOn = (block: Block): Observable<Block> =>
    concat(
      defer(() => work(block)).pipe(ignoreElements()),
      defer(() => of(block).pipe(tap(() => blocks.push(block)))),
    );
  const source = { startFrom: 'TRIM_HORIZON', ...fast, ...config, store, stop: stop$, events: observer };
  const blocks$ = kinesisStream(source as KinesisStreamConfig).pipe(
    mergeShards(
      (shard) =>
        shard.pipe(
          bufferTime(10),
          withSequenceRanges(),
          recoverFrom(store, recover),
          concatMap(workOn),
          checkpointEvery(20, { retryDelayMs: 5 }),
        ),
      {
        restart,
      },
    ),
  );
  const consumer = new RunningConsumer(blocks$, blocks, events, stop$);
  started.add(consumer);
  return consumer;
}

const started = new Set<Consumer>();

/** Unsubscribes every consumer that was started: a test that fails leaves one running. */
export function abortConsumers(): void {
  started.forEach((consumer) => consumer.abort());
  started.clear();
}

class RunningConsumer implements Consumer {
  readonly blocks: readonly Block[];
  readonly events: readonly KinesisEvent[];
  readonly #stop$: Subject<void>;
  readonly #abort$ = new Subject<void>();
  readonly #ended: Promise<unknown>;
  #hasFailed = false;

  constructor(blocks$: Observable<Block>, blocks: readonly Block[], events: readonly KinesisEvent[], stop$: Subject<void>) {
    this.blocks = blocks;
    this.events = events;
    this.#stop$ = stop$;
    this.#ended = lastValueFrom(blocks$.pipe(takeUntil(this.#abort$)), { defaultValue: undefined });
    this.#ended.catch(() => (this.#hasFailed = true));
  }

  get records(): readonly KinesisRecord[] {
    return this.blocks.flatMap((block) => block.records);
  }

  eventsOf<T extends KinesisEvent['type']>(type: T): Extract<KinesisEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<KinesisEvent, { type: T }> => event.type === type);
  }

  hasDone(expected: TestStream | number): Promise<void> {
    const count = typeof expected === 'number' ? expected : expected.count;
    const done = (): number => this.blocks.reduce((sum, block) => sum + block.records.length, 0);
    return this.until(`${count} records are done`, () => done() >= count);
  }

  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    return until(what, () => (this.#hasFailed ? this.#ended.then(() => false) : condition()), SERVICE_DEADLINE_MS);
  }

  async stop(): Promise<void> {
    this.#stop$.next();
    await this.ended();
  }

  async ended(): Promise<void> {
    await this.#ended;
  }

  abort(): void {
    this.#abort$.next();
  }
}

/** The sequence numbers of records, by shard, in order. */
export function sequenceNumbersOf(records: readonly KinesisRecord[]): Record<string, string[]> {
  const byShard: Record<string, string[]> = {};
  for (const { shardId, sequenceNumber } of records) (byShard[shardId] ??= []).push(sequenceNumber);
  return byShard;
}

/** Expects that each record was done exactly once, each shard's in order, and no child's before the last of its parents. */
export async function expectExactlyOnce(records: readonly KinesisRecord[], stream: TestStream): Promise<void> {
  expect(sequenceNumbersOf(records)).to.deep.equal(stream.sequenceNumbers());
  await expectParentsFirst(records, stream);
}

/** Expects that no record of a child came before the last of its parents. */
export async function expectParentsFirst(records: readonly KinesisRecord[], stream: TestStream): Promise<void> {
  const order = records.map(({ shardId }) => shardId);
  for (const { ShardId, ParentShardId, AdjacentParentShardId } of await stream.shards()) {
    for (const parentId of [ParentShardId, AdjacentParentShardId]) {
      if (!parentId || !order.includes(ShardId!)) continue;
      expect(order.indexOf(ShardId!), `the first of ${ShardId} after the last of ${parentId}`).to.be.above(order.lastIndexOf(parentId));
    }
  }
}
