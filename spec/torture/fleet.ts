import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LineReader, type TortureSettings, type WorkerLine } from './worker-lines.js';

/** How long a worker that was told to stop may take: longer than its own `stopTimeoutMs`. */
const STOP_WITHIN_MS = 35_000;

/** How long a new worker has before an old one is told to stop. */
const ROLL_MS = 1_000;

/** How soon a worker that ended by itself is started again. */
const RESTART_MS = 500;

/** Where the workers find everything. */
export type Surroundings = Omit<TortureSettings, 'file' | 'inOrder' | 'processId' | 'sdkRetries' | 'workerId'>;

/** A process of a worker, and what it has written. */
export interface Member {
  readonly processId: string;
  readonly inOrder: boolean;
  readonly child: ChildProcess;
  readonly reader: LineReader;
  /** Resolves when its program runs, or has ended: before that a SIGTERM would end it at once. */
  readonly isUp: Promise<unknown>;
  /** Whether it has seen the shards. */
  hasBegun: boolean;
  /** What it ended with, when nobody had wanted that. */
  endedWith?: string | number;
  /** Its end, or its standing still, is wanted. */
  state: 'ended' | 'ending' | 'paused' | 'running';
}

/** The workers, one process after the other in each place. */
export class Fleet {
  readonly members: Member[] = [];
  kills = 0;
  pauses = 0;
  stops = 0;
  readonly #late: string[] = [];
  readonly #program: string;
  readonly #directory: string;
  readonly #surroundings: Surroundings;
  readonly #abandoned = new AbortController();
  /** What brings workers back, or takes them away. */
  readonly #returning = new Set<Promise<void>>();

  constructor(program: string, directory: string, surroundings: Surroundings) {
    this.#program = program;
    this.#directory = directory;
    this.#surroundings = surroundings;
  }

  /** Ends that should not have been. */
  get deaths(): string[] {
    const ended = this.#ended().filter(({ hasBegun }) => hasBegun);
    return [...ended.map(({ processId, endedWith }) => `${processId} ended by itself with ${endedWith}`), ...this.#late];
  }

  /**
   * How many ended because they could not list the shards when they began. No pipeline was there yet: the source says so and ends, and
   * whoever runs it starts it again.
   */
  get startsGivenUp(): number {
    return this.#ended().filter(({ hasBegun }) => !hasBegun).length;
  }

  start(count: number): void {
    for (let place = 1; place <= count; place++) this.#start(place, `worker-${place}`);
  }

  /** Kills one worker; another takes its place after that time, sometimes with its name. */
  async kill(choice: number, goneMs: number): Promise<void> {
    const member = this.#choose(choice);
    if (!member) return;
    member.state = 'ending';
    this.kills++;
    await this.#end(member, 'SIGKILL');
    const [place, nth] = member.processId.split('.').map(Number) as [number, number];
    const name = choice * 10 - Math.floor(choice * 10) < 0.5 ? `worker-${place}` : `worker-${place}-${nth + 1}`;
    this.#later(goneMs, () => this.#start(place, name));
  }

  /** Starts a further worker. */
  join(): void {
    const place = 1 + Math.max(0, ...this.members.map(({ processId }) => Number(processId.split('.')[0])));
    this.#start(place, `worker-${place}`);
  }

  /** Tells one worker to stop, if it is not the last one. */
  stopOne(choice: number): void {
    const member = this.#choose(choice);
    if (!member || this.members.filter(({ state }) => state === 'running').length < 2) return;
    this.stops++;
    this.#meanwhile(this.#stop(member));
  }

  /** Replaces all that run, one after the other: a new one joins, then an old one is told to stop. */
  roll(): void {
    const replace = async (): Promise<void> => {
      for (const member of this.members.filter(({ state }) => state === 'running')) {
        if (this.#abandoned.signal.aborted) return;
        this.join();
        await pause(ROLL_MS, undefined, { signal: this.#abandoned.signal }).catch(() => undefined);
        if (member.state !== 'running') continue;
        this.stops++;
        await this.#stop(member);
      }
    };
    this.#meanwhile(replace());
  }

  /** Has one worker stand still. */
  pause(choice: number, lastsMs: number): void {
    const member = this.#choose(choice);
    if (!member) return;
    member.state = 'paused';
    this.pauses++;
    member.child.kill('SIGSTOP');
    this.#later(lastsMs, () => {
      member.child.kill('SIGCONT');
      if (member.state === 'paused') member.state = 'running';
    });
  }

  /** Waits until all are back that were killed or paused, and all have ended that were told to stop. */
  async together(): Promise<void> {
    while (this.#returning.size > 0) await Promise.all(this.#returning);
  }

  /** The lines that are new, with who wrote them. */
  *news(): Iterable<{ readonly member: Member; readonly line: WorkerLine }> {
    for (const member of this.members) {
      for (const line of member.reader.read()) {
        if (line.type === 'event' && line.event.type === 'shardsDiscovered') member.hasBegun = true;
        yield { member, line };
      }
    }
  }

  /** Asks all to stop and waits for that; notes those that do not. */
  async stop(): Promise<void> {
    const running = this.members.filter(({ state }) => state === 'running');
    await Promise.all(running.map((member) => this.#stop(member)));
  }

  /** Ends every process at once. */
  async abandon(): Promise<void> {
    this.#abandoned.abort();
    await Promise.all(this.members.map((member) => this.#end(member, 'SIGKILL')));
    this.members.forEach(({ reader }) => reader.close());
  }

  async #stop(member: Member): Promise<void> {
    member.state = 'ending';
    await member.isUp;
    const late = setTimeout(() => {
      this.#late.push(`${member.processId} did not stop within ${STOP_WITHIN_MS} ms`);
      member.child.kill('SIGKILL');
    }, STOP_WITHIN_MS);
    await this.#end(member, 'SIGTERM');
    clearTimeout(late);
    if (member.child.exitCode !== 0) this.#late.push(`${member.processId} ended its stop with ${member.child.exitCode}`);
  }

  async #end(member: Member, signal: NodeJS.Signals): Promise<void> {
    const { child } = member;
    if (child.exitCode !== null || child.signalCode !== null) return;
    member.state = 'ending';
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    member.state = 'ended';
  }

  #ended(): Member[] {
    return this.members.filter(({ endedWith }) => endedWith !== undefined);
  }

  #choose(choice: number): Member | undefined {
    const running = this.members.filter(({ state }) => state === 'running');
    return running[Math.floor(choice * running.length)];
  }

  #start(place: number, workerId: string): void {
    const nth = this.members.filter(({ processId }) => processId.startsWith(`${place}.`)).length;
    const processId = `${place}.${nth}`;
    const file = join(this.#directory, `worker-${processId}.jsonl`);
    const inOrder = place % 2 === 1;
    const settings: TortureSettings = { ...this.#surroundings, file, workerId, processId, inOrder, sdkRetries: nth % 2 === 1 };
    const env = { ...process.env, NODE_V8_COVERAGE: undefined, NODE_NO_WARNINGS: '1' };
    const child = spawn(process.execPath, [this.#program, JSON.stringify(settings)], {
      env,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const isUp = Promise.race([once(child, 'message'), once(child, 'exit')]);
    const member: Member = { processId, inOrder, child, reader: new LineReader(file), isUp, hasBegun: false, state: 'running' };
    this.members.push(member);
    child.once('exit', (code, signal) => {
      if (member.state === 'ending') return;
      member.state = 'ended';
      member.endedWith = code ?? signal ?? undefined;
      this.#later(RESTART_MS, () => this.#start(place, workerId));
    });
  }

  #later(afterMs: number, work: () => void): void {
    const { signal } = this.#abandoned;
    this.#meanwhile(pause(afterMs, undefined, { signal }).then(work, () => undefined));
  }

  #meanwhile(work: Promise<void>): void {
    this.#returning.add(work);
    void work.then(() => this.#returning.delete(work));
  }
}
