import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startDynalite, startDynamoDBLocal, type DynamoDBService } from '../support/dynamodb-services.js';
import { startKinesalite, startKinesisLocal, type KinesisService } from '../support/kinesis-services.js';
import { bundleProgram } from '../support/worker-process.js';
import { FaultMaker } from './fault-maker.js';
import { Fleet } from './fleet.js';
import { History } from './history.js';
import { Producer } from './producer.js';
import { scheduleOf, type Step } from './schedule.js';
import { TableJournal } from './table-journal.js';
import { verdictOn, type Verdict } from './verdict.js';

/** The services and the workers' program, for one run or for many. */
export interface Stage {
  readonly kinesis: KinesisService;
  readonly dynamodb: DynamoDBService;
  readonly program: string;
  stop(): Promise<void>;
}

export interface StageOptions {
  readonly kinesis: 'kinesalite' | 'kinesis-local';
  readonly dynamodb: 'dynalite' | 'dynamodb-local';
}

export interface TortureOptions {
  readonly stage: Stage;
  readonly seed: number;
  /** What happens; without it `scheduleOf` the seed. */
  readonly steps?: readonly Step[];
  /** For how long there are faults; the draining comes on top. */
  readonly seconds: number;
  readonly workers: number;
  readonly shards: number;
  readonly recordsPerSecond: number;
  /** @defaultValue 5000 */
  readonly failoverTimeMs?: number;
  /** Takes a line of progress now and then. */
  readonly progress: (line: string) => void;
  /** Ends it early, with everything cleaned up. */
  readonly signal: AbortSignal;
}

const FAILOVER_MS = 5_000;
const PROGRESS_EVERY_MS = 5_000;
/** How long the workers may come no further when all is healed. */
const DRAIN_WITHOUT_PROGRESS_MS = 60_000;

/** Starts the services, and makes one file of the workers' program. */
export async function startStage({ kinesis, dynamodb }: StageOptions): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-stage-'));
  const program = join(directory, 'worker.mjs');
  await bundleProgram(fileURLToPath(new URL('worker-program.ts', import.meta.url)), program);
  const streams = await (kinesis === 'kinesalite' ? startKinesalite() : startKinesisLocal());
  const table = await (dynamodb === 'dynalite' ? startDynalite() : startDynamoDBLocal());
  const stop = async (): Promise<void> => {
    await Promise.all([streams.stop(), table.stop(), rm(directory, { recursive: true })]);
  };
  return { kinesis: streams, dynamodb: table, program, stop };
}

/** A run, from the start of the workers to their end. */
export class Torture {
  readonly options: TortureOptions;
  readonly directory: string;
  readonly history = new History();
  readonly journal = new TableJournal();
  #cleanUps: (() => Promise<unknown>)[] = [];
  #happening = 'calm';

  private constructor(options: TortureOptions, directory: string) {
    this.options = options;
    this.directory = directory;
  }

  /** Runs it; rejects when it is ended early or the surroundings fail. */
  static async run(options: TortureOptions): Promise<Verdict> {
    const torture = new Torture(options, await mkdtemp(join(tmpdir(), 'rx-kinesis-torture-')));
    try {
      return await torture.#run();
    } finally {
      for (const cleanUp of torture.#cleanUps.reverse()) await cleanUp();
      if (options.signal.aborted) await rm(torture.directory, { recursive: true });
    }
  }

  async #run(): Promise<Verdict> {
    const { stage, seed, seconds, workers, shards, recordsPerSecond, signal, failoverTimeMs = FAILOVER_MS } = this.options;
    const { kinesis, dynamodb, program } = stage;
    const name = `torture-${seed}`;
    const endpoints = { kinesis: kinesis.endpoint, dynamodb: dynamodb.endpoint };
    const faults = this.#cleaned(await FaultMaker.start(endpoints, seed, this.journal.watch));
    const producer = this.#cleaned(await Producer.start(kinesis, { name, shards, perSecond: recordsPerSecond }));
    const fleet = new Fleet(program, this.directory, {
      ...{ streamName: name, tableName: name, failoverTimeMs },
      ...{ kinesis: faults.endpoint('kinesis'), dynamodb: faults.endpoint('dynamodb') },
    });
    this.#cleanUps.push(() => fleet.abandon());
    fleet.start(workers);

    const watching = setInterval(() => this.#look(fleet, faults, producer), PROGRESS_EVERY_MS);
    this.#cleanUps.push(async () => clearInterval(watching));
    const { steps = scheduleOf(seed, seconds * 1_000, failoverTimeMs) } = this.options;
    await this.#follow(steps, { faults, producer, fleet });
    faults.heal();
    this.#happening = 'draining';
    await producer.stop();
    await fleet.together();
    await this.#drain(fleet, producer);
    await fleet.stop();
    this.#read(fleet);
    signal.throwIfAborted();
    return verdictOn({ ...this, producer, fleet, faults, failoverTimeMs });
  }

  async #follow(
    steps: readonly Step[],
    { faults, producer, fleet }: { faults: FaultMaker; producer: Producer; fleet: Fleet },
  ): Promise<void> {
    const begun = performance.now();
    const at = (ms: number): Promise<unknown> =>
      pause(Math.max(0, begun + ms - performance.now()), undefined, { signal: this.options.signal });
    const healings = steps.flatMap((step) => (step.type === 'burst' ? { type: 'heal' as const, atMs: step.atMs + step.lastsMs } : []));
    for (const step of [...steps, ...healings].sort((a, b) => a.atMs - b.atMs)) {
      await at(step.atMs);
      if (step.type === 'heal') this.#happening = 'calm';
      if (step.type === 'heal') faults.heal();
      if (step.type === 'kill') await fleet.kill(step.choice, step.lastsMs);
      if (step.type === 'pause') fleet.pause(step.choice, step.lastsMs);
      if (step.type === 'join') fleet.join();
      if (step.type === 'stop') fleet.stopOne(step.choice);
      if (step.type === 'roll') fleet.roll();
      if (step.type === 'split' || step.type === 'merge') await producer.reshard(step.type, step.choice);
      if (step.type !== 'burst') continue;
      const kinds = step.kinds.length > 3 ? 'all faults' : step.kinds.join(', ');
      this.#happening = `${step.name} of ${step.services.join(' and ')}: ${kinds}, ${Math.round(step.part * 100)} %`;
      faults.make(step);
    }
    await at(this.options.seconds * 1_000);
  }

  async #drain(fleet: Fleet, producer: Producer): Promise<void> {
    let [done, since] = [this.history.done.size, performance.now()];
    while (this.history.done.size < producer.stream.count && performance.now() - since < DRAIN_WITHOUT_PROGRESS_MS) {
      await pause(200, undefined, { signal: this.options.signal });
      this.#read(fleet);
      if (this.history.done.size > done) [done, since] = [this.history.done.size, performance.now()];
    }
  }

  #read(fleet: Fleet): void {
    for (const { member, line } of fleet.news()) this.history.add(member, line);
  }

  #look(fleet: Fleet, faults: FaultMaker, { stream }: Producer): void {
    this.#read(fleet);
    const { history } = this;
    const running = fleet.members.filter(({ state }) => state === 'running').length;
    const torn = history.countOf('shardRestarted', 'shardFailed') + fleet.deaths.length;
    this.options.progress(
      `${stream.count} put, ${history.done.size} done, ${history.repeats} again; ${faults.total} faults, ` +
        `${history.countOf('recovered')} recoveries; ${running} at work, ${fleet.kills} kills, ${fleet.pauses} pauses` +
        `${torn > 0 ? `; ${torn} TORN DOWN` : ''}; ${this.#happening}`,
    );
  }

  #cleaned<T extends { stop(): Promise<unknown> }>(part: T): T {
    this.#cleanUps.push(() => part.stop());
    return part;
  }
}
