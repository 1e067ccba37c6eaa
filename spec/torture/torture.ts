import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startDynalite, startDynamoDBLocal } from '../support/dynamodb-services.js';
import { startKinesalite, startKinesisLocal } from '../support/kinesis-services.js';
import { bundleProgram } from '../support/worker-process.js';
import { FaultMaker } from './fault-maker.js';
import { Fleet } from './fleet.js';
import { History } from './history.js';
import { Producer } from './producer.js';
import { scheduleOf, type Step } from './schedule.js';
import { TableJournal } from './table-journal.js';
import { verdictOn, type Verdict } from './verdict.js';

export interface TortureOptions {
  readonly seed: number;
  /** For how long there are faults; the draining comes on top. */
  readonly seconds: number;
  readonly workers: number;
  readonly shards: number;
  readonly recordsPerSecond: number;
  readonly kinesis: 'kinesalite' | 'kinesis-local';
  readonly dynamodb: 'dynalite' | 'dynamodb-local';
  /** Takes a line of progress now and then. */
  readonly progress: (line: string) => void;
  /** Ends it early, with everything cleaned up. */
  readonly signal: AbortSignal;
}

const FAILOVER_MS = 5_000;
const PROGRESS_EVERY_MS = 5_000;
/** How long the workers may come no further when all is healed. */
const DRAIN_WITHOUT_PROGRESS_MS = 60_000;

/** A run, from the start of the services to their end. */
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
    const { seed, workers, shards, recordsPerSecond, signal } = this.options;
    const program = join(this.directory, 'worker.mjs');
    await bundleProgram(fileURLToPath(new URL('worker-program.ts', import.meta.url)), program);
    const kinesis = this.#cleaned(await (this.options.kinesis === 'kinesalite' ? startKinesalite() : startKinesisLocal()));
    const dynamodb = this.#cleaned(await (this.options.dynamodb === 'dynalite' ? startDynalite() : startDynamoDBLocal()));
    const endpoints = { kinesis: kinesis.endpoint, dynamodb: dynamodb.endpoint };
    const faults = this.#cleaned(await FaultMaker.start(endpoints, seed, this.journal.watch));
    const producer = this.#cleaned(await Producer.start(kinesis, shards, recordsPerSecond));
    const fleet = new Fleet(program, this.directory, {
      ...{ streamName: producer.stream.name, tableName: 'torture', failoverTimeMs: FAILOVER_MS },
      ...{ kinesis: faults.endpoint('kinesis'), dynamodb: faults.endpoint('dynamodb') },
    });
    this.#cleanUps.push(() => fleet.abandon());
    fleet.start(workers);

    const watching = setInterval(() => this.#look(fleet, faults, producer), PROGRESS_EVERY_MS);
    this.#cleanUps.push(async () => clearInterval(watching));
    await this.#follow(scheduleOf(seed, this.options.seconds * 1_000, FAILOVER_MS), { faults, producer, fleet });
    faults.heal();
    this.#happening = 'draining';
    await producer.stop();
    await fleet.together();
    await this.#drain(fleet, producer);
    await fleet.stop();
    this.#read(fleet);
    signal.throwIfAborted();
    return verdictOn({ ...this, producer, fleet, faults, failoverTimeMs: FAILOVER_MS });
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
