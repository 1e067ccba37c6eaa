import { rm } from 'node:fs/promises';
import { fleetStepsOf, SEQUENCE_MS } from './schedule.js';
import { Torture, type Stage } from './torture.js';

const FAILOVER_MS = 2_000;

/** What a sequence came to. */
export interface SequenceResult {
  readonly seed: number;
  /** What happened, such as `kill at 1.2 s, roll at 4.5 s`. */
  readonly happened: string;
  /** What should not have happened; empty when all is well. */
  readonly broken: readonly string[];
  readonly records: number;
  readonly repeats: number;
  /** The longest time in which a shard had records and none of them was worked on, in ms. */
  readonly silenceMs: number;
  /** Where the logs are, if something broke. */
  readonly directory: string;
}

/**
 * Three workers in processes of their own, to which the events of a seed happen within ten seconds; then all that is left is read, and
 * all stop.
 */
export async function runSequence(stage: Stage, seed: number, signal: AbortSignal): Promise<SequenceResult> {
  const steps = fleetStepsOf(seed, FAILOVER_MS);
  const { broken, figures, silence, directory } = await Torture.run({
    ...{ stage, seed, steps, signal, seconds: SEQUENCE_MS / 1_000, failoverTimeMs: FAILOVER_MS },
    ...{ workers: 3, shards: 4, recordsPerSecond: 100, progress: () => undefined },
  });
  if (broken.length === 0) await rm(directory, { recursive: true });
  const happened = steps.map(({ type, atMs, lastsMs }) => {
    const lasts = lastsMs > 0 ? ` for ${(lastsMs / 1_000).toFixed(1)} s` : '';
    return `${type} at ${(atMs / 1_000).toFixed(1)} s${lasts}`;
  });
  const [records, repeats] = [figures.records!, figures['worked on again']!];
  return { seed, happened: happened.join(', '), broken, records, repeats, silenceMs: silence.ms, directory };
}
