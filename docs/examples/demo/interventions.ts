import { setTimeout as sleep } from 'node:timers/promises';
import { integer, seconds } from './format.js';
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
/** On a busy machine an outage may find every buffer empty, and nothing has to be recovered: then there is another one. */
const MOST_OUTAGES = 2;

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
    announcement: `reads fail now and again for ${seconds(OUTAGE_MS)} (500, and throttled)`,
    run: async ({ services: { proxy }, workers }) => {
      for (let outages = 0; outages < MOST_OUTAGES && workers.tally.recoveredRanges === 0; outages++) {
        proxy.failReads(OUTAGE_MS);
        await sleep(OUTAGE_MS);
      }
      return `reads work again; ${integer(proxy.failed.errors + proxy.failed.throttled)} failed`;
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
