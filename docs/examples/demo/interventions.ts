import { setTimeout as sleep } from 'node:timers/promises';
import { filter, firstValueFrom } from 'rxjs';
import type { Deletion, WaitingBlock } from './block-traces.js';
import type { Fleet } from './fleet.js';
import { counted, integer, seconds } from './format.js';
import type { Production } from './production.js';
import type { Services } from './services.js';
import { recoveredFromBuffers } from './tally.js';

/** What the interventions act upon. */
export interface Scene {
  readonly services: Services;
  readonly fleet: Fleet;
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
/** Each waits for what it needs to show, but not for ever. */
const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 50;
/** So many blocks wait before something happens to them. */
const WAITING_BLOCKS = 10;

/** In this order. The second kill comes while the workers have to do with parents, children and leases of shards that ended. */
export const INTERVENTIONS: readonly Intervention[] = [
  {
    at: 0.12,
    announcement: 'the sink stands still; once blocks wait for it, a worker is killed (SIGKILL) and another is started',
    run: async ({ fleet }) => {
      await until(() => fleet.names.every((name) => fleet.tenures.shardsOf(name).length > 0));
      const victim = fleet.busiest;
      const { takeover } = await whileSinkStands(fleet, [victim], async () => {
        // Another worker finds the blocks that a checkpoint names.
        const checkpoint$ = fleet.told$.pipe(filter(({ worker, event }) => worker === victim && event.type === 'checkpointWritten'));
        await Promise.race([firstValueFrom(checkpoint$), sleep(PATIENCE_MS, undefined, { ref: false })]);
        return { takeover: replace(fleet, victim) };
      });
      return takeover;
    },
  },
  {
    at: 0.3,
    announcement: 'shard 3 is split',
    run: async ({ services }) => {
      await services.split(shardId(3));
      return 'shard 3 became 4 and 5';
    },
  },
  {
    at: 0.4,
    announcement: 'reads fail beyond their retries, while records are in a buffer',
    run: async ({ services: { proxy }, fleet }) => {
      proxy.failReads();
      await Promise.all([sleep(OUTAGE_MS), until(() => recoveredFromBuffers(fleet.tally) > 0)]);
      proxy.passReads();
      const failed = integer(proxy.failed.errors + proxy.failed.throttled);
      return `reads pass again: ${failed} failed, ${counted(recoveredFromBuffers(fleet.tally), 'record')} came back`;
    },
  },
  {
    at: 0.64,
    announcement: 'the sink stands still; of each second block that waits, one copy is deleted',
    run: async (scene) => `${await loseCopies(scene, ['ownDeleted', 'replicaDeleted'])} that had only one copy left`,
  },
  {
    at: 0.7,
    announcement: 'the sink stands still; of each second block that waits, both copies are deleted',
    run: async (scene) => `${await loseCopies(scene, ['bothDeleted'])} that had no copy left`,
  },
  {
    at: 0.8,
    announcement: 'shards 0 and 1 are merged',
    run: async ({ services }) => {
      await services.merge(shardId(0), shardId(1));
      return 'shards 0 and 1 became 6';
    },
  },
  {
    at: 0.84,
    announcement: 'a worker is killed (SIGKILL), and another is started',
    run: ({ fleet }) => replace(fleet, fleet.busiest),
  },
];

/** Carries the interventions out, each when its time has come and the one before is over. */
export async function intervene(scene: Scene, flights: number, say: (text: string) => void): Promise<void> {
  const { production } = scene;
  const times = [...INTERVENTIONS.map(({ at }) => Math.ceil(at * flights)), flights];
  production.allow(times[0]!);
  for (const [i, { announcement, run }] of INTERVENTIONS.entries()) {
    await production.reached(times[i]!);
    production.allow(times[i + 1]!);
    say(announcement);
    say(await run(scene));
  }
}

async function replace(fleet: Fleet, victim: string): Promise<string> {
  const { killed, shards, totalMs, successor } = await fleet.replace(victim);
  return `${killed} is dead, ${successor} is there: ${counted(shards, 'shard')} read again after ${seconds(totalMs)}`;
}

/** Lets blocks of these workers pile up in their stores, and acts upon those that will stay there meanwhile. */
async function whileSinkStands<T>(
  { sink, traces }: Fleet,
  workers: readonly string[],
  act: (blocks: readonly WaitingBlock[]) => Promise<T>,
): Promise<T> {
  const goOn = sink.hold();
  try {
    await until(() => traces.resting(workers).length >= WAITING_BLOCKS);
    return await act(traces.resting(workers).slice(0, WAITING_BLOCKS));
  } finally {
    goOn();
  }
}

/** Does this in turns to each second block that waits; gives how many of those were loaded nevertheless. */
async function loseCopies({ fleet, services }: Scene, deletions: readonly Deletion[]): Promise<string> {
  const losers = await whileSinkStands(fleet, fleet.names, async (blocks) => {
    const losers = blocks.filter((_, i) => i % 2 === 1);
    for (const [turn, deletion] of deletions.entries()) {
      const mine = losers.filter((_, i) => i % deletions.length === turn);
      if (deletion !== 'replicaDeleted') await fleet.deleteCopies(mine);
      if (deletion !== 'ownDeleted') await services.deleteReplicas(mine.map(({ blockId }) => blockId));
      fleet.traces.noteDeleted(mine, deletion);
    }
    return losers;
  });
  const loaded = (): number => losers.filter(({ blockId }) => fleet.traces.isLoaded(blockId)).length;
  await until(() => loaded() === losers.length);
  return `${loaded()} of ${counted(losers.length, 'block')} came`;
}

/** The ids that the emulator gives: `shardId-` and twelve digits. */
function shardId(number: number): string {
  return `shardId-${String(number).padStart(12, '0')}`;
}

/** Waits until the condition holds; gives up after a while, and lets the checks at the end say what is missing. */
async function until(holds: () => boolean): Promise<void> {
  const beganMs = performance.now();
  while (!holds() && performance.now() - beganMs < PATIENCE_MS) await sleep(LOOK_EVERY_MS);
}
