import type { Member } from './fleet.js';
import type { WorkerEvent, WorkerLine } from './worker-lines.js';

/** A block that was worked on. */
export interface WorkedBlock {
  readonly at: number;
  readonly processId: string;
  /** Names the pipeline that it came through. */
  readonly tenure: string;
  readonly inOrder: boolean;
  readonly shardId: string;
  readonly recovered: boolean;
  readonly numbers: readonly string[];
}

/** An event, and which process told it. */
export interface ToldEvent extends WorkerEvent {
  readonly at: number;
  readonly processId: string;
}

/** What the workers have written. */
export class History {
  readonly blocks: WorkedBlock[] = [];
  readonly events: ToldEvent[] = [];
  /** The words of workers that failed when they were under way. */
  readonly failures: string[] = [];
  /** The records that were worked on, and how often that was again. */
  readonly done = new Set<string>();
  repeats = 0;

  add({ processId, inOrder, hasBegun }: Member, line: WorkerLine): void {
    const { at } = line;
    if (line.type === 'event') this.events.push({ ...line.event, at, processId });
    if (line.type === 'failed' && hasBegun) this.failures.push(`${processId} failed: ${line.error}`);
    if (line.type !== 'block') return;
    const { shardId, recovered, numbers } = line;
    this.blocks.push({ at, processId, tenure: `${processId}/${line.tenure}`, inOrder, shardId, recovered, numbers });
    for (const number of numbers) {
      if (this.done.has(number)) this.repeats++;
      else this.done.add(number);
    }
  }

  countOf(...types: string[]): number {
    return this.events.filter(({ type }) => types.includes(type)).length;
  }
}
