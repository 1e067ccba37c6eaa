import { seededRandom } from '../support/seeded-random.js';

/** What can happen to a request, as it is counted. */
export const faultKinds = ['error', 'throttled', 'reset', 'cut', 'garbled', 'hang', 'duplicated', 'lost', 'delay'] as const;
export type FaultKind = (typeof faultKinds)[number];

export const services = ['kinesis', 'dynamodb'] as const;
export type ServiceName = (typeof services)[number];

/** A time in which the requests to some services meet faults. */
export interface Burst {
  readonly type: 'burst';
  /** `storm`: a part of the requests, any fault; `spell`: most requests, one fault; `outage`: none is answered as it should be. */
  readonly name: 'storm' | 'spell' | 'outage';
  readonly atMs: number;
  readonly lastsMs: number;
  readonly services: readonly ServiceName[];
  readonly kinds: readonly FaultKind[];
  /** Which part of the requests, from 0 to 1. */
  readonly part: number;
}

/** Something that happens to a worker, or to the stream. */
export interface Deed {
  readonly type: 'join' | 'kill' | 'merge' | 'pause' | 'roll' | 'split' | 'stop';
  readonly atMs: number;
  /** Chooses the worker or the shard: from 0 up to 1. */
  readonly choice: number;
  /** How long a worker is gone or stands still. */
  readonly lastsMs: number;
}

export type Step = Burst | Deed;

/** For how long faults are made at most in one go, in ms. */
const LONGEST_BURST_MS = 8_000;

/**
 * What happens when, for so long: the same for the same seed.
 *
 * @remarks Which request meets which fault within a burst depends on when it comes, which no seed decides.
 */
export function scheduleOf(seed: number, lastsMs: number, failoverTimeMs: number): Step[] {
  const random = seededRandom(seed);
  const between = (from: number, to: number): number => Math.round(from + random() * (to - from));
  const steps: Step[] = [];

  for (let atMs = 3_000; ;) {
    const burst = burstAt(atMs, random, between);
    if (atMs + burst.lastsMs > lastsMs) break;
    steps.push(burst);
    atMs += burst.lastsMs + between(3_000, 8_000);
  }
  const repeat = (everyMs: readonly [number, number], deed: () => Omit<Deed, 'atMs' | 'choice'>): void => {
    for (let atMs = between(everyMs[0] / 2, everyMs[1]); ; atMs += between(...everyMs)) {
      const next: Deed = { ...deed(), atMs, choice: random() };
      if (atMs + next.lastsMs > lastsMs) break;
      steps.push(next);
    }
  };
  repeat([12_000, 30_000], () => ({ type: 'kill', lastsMs: between(0, 1.5 * failoverTimeMs) }));
  repeat([40_000, 80_000], () => ({ type: 'pause', lastsMs: between(1.2 * failoverTimeMs, 2 * failoverTimeMs) }));
  let reshardings = 0;
  repeat([20_000, 50_000], () => ({ type: reshardings++ % 2 === 0 ? 'split' : 'merge', lastsMs: 0 }));
  return steps.sort((a, b) => a.atMs - b.atMs);
}

/** How long a sequence of {@link fleetStepsOf} lasts, in ms. */
export const SEQUENCE_MS = 10_000;

/**
 * What happens to a fleet in a sequence without faults of the services: three to six times a worker joins, stops, is killed or stands
 * still, or all are replaced one by one; now and then a shard splits.
 */
export function fleetStepsOf(seed: number, failoverTimeMs: number): Deed[] {
  const random = seededRandom(seed);
  const between = (from: number, to: number): number => Math.round(from + random() * (to - from));
  const kinds = ['join', 'join', 'kill', 'kill', 'kill', 'pause', 'pause', 'roll', 'stop', 'stop', 'split'] as const;
  const deeds = Array.from({ length: between(3, 6) }, (): Deed => {
    const type = kinds[Math.floor(random() * kinds.length)]!;
    const lastsMs = type === 'kill' ? between(0, failoverTimeMs) : type === 'pause' ? between(0.5 * failoverTimeMs, 2 * failoverTimeMs) : 0;
    return { type, atMs: between(1_000, SEQUENCE_MS - 1_000), choice: random(), lastsMs };
  });
  return deeds.sort((a, b) => a.atMs - b.atMs);
}

function burstAt(atMs: number, random: () => number, between: (from: number, to: number) => number): Burst {
  const name = (['storm', 'storm', 'spell', 'outage'] as const)[Math.floor(random() * 4)]!;
  const which = random();
  const struck = which < 0.4 ? (['kinesis'] as const) : which < 0.7 ? (['dynamodb'] as const) : services;
  const one = faultKinds[Math.floor(random() * faultKinds.length)]!;
  const part = name === 'storm' ? 0.1 + 0.4 * random() : name === 'spell' ? 0.6 + 0.3 * random() : 1;
  // Requests that are only late or come twice are no outage.
  const harsh = faultKinds.filter((kind) => kind !== 'duplicated' && kind !== 'delay');
  const kinds =
    name === 'storm' ? faultKinds : name === 'spell' ? [one] : random() < 0.5 ? harsh : [harsh[Math.floor(random() * harsh.length)]!];
  return { type: 'burst', name, atMs, lastsMs: between(2_000, LONGEST_BURST_MS), services: struck, kinds, part };
}
