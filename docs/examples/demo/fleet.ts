import { BehaviorSubject, filter, firstValueFrom, map, Subject, take, type Observable } from 'rxjs';
import type { KinesisEvent } from '../../../lib/index.js';
import { BlockTraces, type WaitingBlock } from './block-traces.js';
import type { FleetOptions, SaveRequest, WorkerMessage } from './messages.js';
import type { FlightSink } from './sink.js';
import { countEvent, EMPTY_TALLY, type Tally } from './tally.js';
import { Tenures } from './tenures.js';
import { WorkerProcess } from './worker-process.js';

/** What a worker tells. */
export interface Told {
  readonly worker: string;
  readonly event: KinesisEvent;
}

/** How it went after a worker was killed. */
export interface Takeover {
  readonly killed: string;
  readonly shards: number;
  readonly successor: string;
  /** From the kill until the last of its shards was read again, in ms. */
  readonly totalMs: number;
  /** What the successor's process took to start and to load its code, in ms. */
  readonly startMs: number;
}

/** The worker processes, and what they tell and bring. */
export class Fleet {
  /** How many flights are on the sink's disk. */
  readonly processed$ = new BehaviorSubject(0);
  /** Emits when a worker ends that nobody ended. */
  readonly crash$ = new Subject<Error>();
  readonly told$ = new Subject<Told>();
  readonly events$: Observable<KinesisEvent> = this.told$.pipe(map(({ event }) => event));
  readonly tenures = new Tenures();
  readonly traces = new BlockTraces();
  readonly takeovers: Takeover[] = [];
  readonly sink: FlightSink;
  readonly #options: FleetOptions;
  readonly #workers = new Map<string, WorkerProcess>();
  #started = 0;
  #tally: Tally = EMPTY_TALLY;

  constructor(options: FleetOptions, sink: FlightSink) {
    this.#options = options;
    this.sink = sink;
  }

  get tally(): Tally {
    return this.#tally;
  }

  /** The names of the workers that run. */
  get names(): readonly string[] {
    return [...this.#workers.keys()];
  }

  /** The worker that reads most shards. */
  get busiest(): string {
    const shards = (name: string): number => this.tenures.shardsOf(name).length;
    return this.names.reduce((most, name) => (shards(name) > shards(most) ? name : most));
  }

  /** Starts another worker. The first one is A. */
  start(): WorkerProcess {
    const name = String.fromCharCode('A'.charCodeAt(0) + this.#started++);
    const worker = new WorkerProcess({ ...this.#options, name });
    this.#workers.set(name, worker);
    worker.messages$.subscribe((message) => this.#receive(worker, message));
    worker.crash$.subscribe(this.crash$);
    return worker;
  }

  /** Kills a worker with SIGKILL, starts another, and waits until all shards of the killed one are read again. */
  async replace(name: string): Promise<Takeover> {
    const shards = this.tenures.shardsOf(name);
    const readAgain = Promise.all(shards.map((shardId) => firstValueFrom(this.#goesOn(shardId, name))));
    const killedMs = performance.now();
    const worker = this.#workers.get(name);
    this.#workers.delete(name);
    await worker?.kill();
    const successor = this.start();
    await firstValueFrom(successor.messages$.pipe(filter(({ type }) => type === 'ready')));
    const startMs = performance.now() - killedMs;
    await readAgain;
    const takeover = { killed: name, shards: shards.length, successor: successor.name, totalMs: performance.now() - killedMs, startMs };
    this.takeovers.push(takeover);
    return takeover;
  }

  /** Has the workers lose the copies of these blocks in their memory and on their disks. */
  async deleteCopies(blocks: readonly WaitingBlock[]): Promise<void> {
    const deletes = [...this.#workers].map(async ([name, worker]) => {
      const blockIds = blocks.filter(({ worker }) => worker === name).map(({ blockId }) => blockId);
      const done = firstValueFrom(worker.messages$.pipe(filter(({ type }) => type === 'copiesDeleted')));
      worker.tell({ type: 'deleteCopies', blockIds });
      await done;
    });
    await Promise.all(deletes);
  }

  /** Asks all workers to finish; gives whether all did. */
  async stop(patienceMs: number): Promise<boolean> {
    const workers = [...this.#workers.values()];
    this.#workers.clear();
    const codes = await Promise.all(workers.map((worker) => worker.stop(patienceMs)));
    return codes.every((code) => code === 0);
  }

  /** Emits when another worker reads the shard, or a child of it: then it was at its end already. */
  #goesOn(shardId: string, formerWorker: string): Observable<Told> {
    const isIt = ({ worker, event }: Told): boolean =>
      (event.type === 'pageRead' && event.shardId === shardId && worker !== formerWorker) ||
      (event.type === 'shardStarted' && event.parentShardIds.includes(shardId));
    return this.told$.pipe(filter(isIt), take(1));
  }

  #receive(worker: WorkerProcess, message: WorkerMessage): void {
    const { name } = worker;
    if (message.type === 'event') this.#note({ worker: name, event: message.event });
    if (message.type === 'found') this.traces.noteLoaded(name, message.blockId, message.place);
    if (message.type === 'save') void this.#save(worker, message.call, message.request);
  }

  #note(told: Told): void {
    const { worker, event } = told;
    this.#tally = countEvent(this.#tally, event);
    this.tenures.note(worker, event);
    this.traces.note(worker, event);
    this.told$.next(told);
  }

  async #save(worker: WorkerProcess, call: number, request: SaveRequest): Promise<void> {
    try {
      const { processed } = await this.sink.save(request);
      this.processed$.next(processed);
      worker.tell({ type: 'answer', call });
    } catch (error) {
      worker.tell({ type: 'answer', call, error: (error as Error).message });
    }
  }
}
