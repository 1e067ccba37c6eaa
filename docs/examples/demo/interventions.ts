import { setTimeout as sleep } from 'node:timers/promises';
import { counted, integer, seconds } from './format.js';
import type { Production } from './production.js';
import type { Services } from './services.js';
import type { Workers } from './workers.js';

/** What the interventions act upon. */
export interface Scene {
  readonly services: Services;
  readonly workers: Workers;
  readonly production: Production;
}

/** Something that goes wrong, or changes, while records flow. */
export interface Intervention {
  /** When: the share of the flights that is in the stream by then. */
  readonly at: number;
  readonly announcement: string;
  /** Does it, and gives what there is to say afterwards. */
  run(scene: Scene): Promise<string>;
}

const OUTAGE_MS = 6_000;
/** The outage lasts until records were lost in a buffer and came back, but not for ever. */
const LONGEST_OUTAGE_MS = 30_000;
const LOOK_EVERY_MS = 100;

/** The ids that the emulator gives: `shardId-` and twelve digits. */
const shardId = (number: number): string => `shardId-${String(number).padStart(12, '0')}`;

const killWorker: Pick<Intervention, 'announcement' | 'run'> = {
  announcement: 'the worker is killed (SIGKILL), and another is started',
  run: async ({ workers }) => `the new worker has taken over after ${seconds((await workers.killAndRestart()).totalMs)}`,
};

/** In this order. The second kill comes while the workers have to do with parents, children and leases of shards that ended. */
export const INTERVENTIONS: readonly Intervention[] = [
  { at: 0.12, ...killWorker },
  {
    at: 0.3,
    announcement: 'shard 3 is split',
    run: async ({ services }) => {
      await services.split(shardId(3));
      return 'shard 3 became 4 and 5';
    },
  },
  {
    at: 0.42,
    announcement: 'reads fail beyond their retries, while records are in a buffer',
    run: async ({ services: { proxy }, workers }) => {
      const startedMs = performance.now();
      const hasLasted = (ms: number): boolean => performance.now() - startedMs >= ms;
      proxy.failReads();
      while (!hasLasted(OUTAGE_MS) || (workers.tally.recoveredRecords === 0 && !hasLasted(LONGEST_OUTAGE_MS))) await sleep(LOOK_EVERY_MS);
      proxy.passReads();
      const { recoveredRanges, recoveredRecords } = workers.tally;
      const failed = integer(proxy.failed.errors + proxy.failed.throttled);
      return `reads pass again: ${failed} failed, ${counted(recoveredRecords, 'record')} of ${counted(recoveredRanges, 'range')} came back`;
    },
  },
  {
    at: 0.7,
    announcement: 'shards 0 and 1 are merged',
    run: async ({ services }) => {
      await services.merge(shardId(0), shardId(1));
      return 'shards 0 and 1 became 6';
    },
  },
  {
    ...killWorker,
    at: 0.76,
    run: (scene) => {
      scene.production.goOn();
      return killWorker.run(scene);
    },
  },
];

/** The share of the flights after which the producer waits for the last intervention: on a busy machine it could come too late. */
export const HOLD_AT = 0.8;

/** Carries the interventions out, each when its time has come and the one before is over. */
export async function intervene(scene: Scene, flights: number, say: (text: string) => void): Promise<void> {
  for (const { at, announcement, run } of INTERVENTIONS) {
    await scene.production.reached(at * flights);
    say(announcement);
    say(await run(scene));
  }
}
