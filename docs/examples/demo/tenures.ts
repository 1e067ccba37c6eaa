import type { KinesisEvent } from '../../../lib/index.js';
import { integer, seconds, shortId } from './format.js';

/** The time in which one worker read one shard. */
export interface Tenure {
  readonly shardId: string;
  readonly worker: string;
  /** How the worker came by the shard's lease: several, when others had it in between and read nothing. */
  readonly from: readonly LeaseOrigin[];
  /** Records read. */
  records: number;
  /** When the first and the last page came, empty ones too; in ms since 1970. */
  readonly firstMs: number;
  lastMs: number;
  /** How long nobody read the shard before, in ms; `undefined` for its first owner. */
  readonly silentMs: number | undefined;
  /** Whether the worker has finished with the shard. */
  isOver: boolean;
}

/** Whether two workers read different shards at the same time. One after the other is not sharing: a successor does that too. */
export function wereShared(tenures: readonly Tenure[]): boolean {
  return tenures.some((a) =>
    tenures.some((b) => a.worker !== b.worker && a.shardId !== b.shardId && a.firstMs <= b.lastMs && b.firstMs <= a.lastMs),
  );
}

type LeaseOrigin = LeaseTaken['from'];
type LeaseTaken = Extract<KinesisEvent, { type: 'leaseTaken' }>;

/** Who read which shard when, from what the workers tell. */
export class Tenures {
  readonly #tenures: Tenure[] = [];
  readonly #current = new Map<string, Tenure>();
  /** How each shard's lease was taken since its last page. */
  readonly #taken = new Map<string, LeaseOrigin[]>();
  /** The shards whose leases another worker has freed, since their owners were gone, until they are taken. */
  readonly #freed = new Set<string>();

  note(worker: string, event: KinesisEvent): void {
    if (event.type === 'leaseFreed') this.#freed.add(event.shardId);
    if (event.type === 'leaseTaken') this.#noteTaken(event);
    if (event.type === 'pageRead') this.#notePage(worker, event);
    if (event.type === 'shardReleased') {
      const tenure = this.#current.get(event.shardId);
      if (tenure?.worker === worker) tenure.isOver = true;
    }
  }

  /** The shards that this worker reads. */
  shardsOf(worker: string): string[] {
    return [...this.#current.values()].filter((tenure) => tenure.worker === worker && !tenure.isOver).map(({ shardId }) => shardId);
  }

  /** By shard, and by time. */
  get all(): readonly Tenure[] {
    return [...this.#tenures].sort((a, b) => a.shardId.localeCompare(b.shardId) || a.firstMs - b.firstMs);
  }

  #noteTaken({ shardId, from }: LeaseTaken): void {
    const origin = this.#freed.delete(shardId) && from === 'free' ? 'expired' : from;
    this.#taken.set(shardId, [...(this.#taken.get(shardId) ?? []), origin]);
  }

  #notePage(worker: string, { shardId, records, at }: Extract<KinesisEvent, { type: 'pageRead' }>): void {
    const current = this.#current.get(shardId);
    const from = this.#taken.get(shardId) ?? [];
    this.#taken.delete(shardId);
    if (current?.worker === worker && !current.isOver) {
      current.records += records;
      current.lastMs = at;
      return;
    }
    const silentMs = current && at - current.lastMs;
    const tenure: Tenure = { shardId, worker, from, records, firstMs: at, lastMs: at, silentMs, isOver: false };
    this.#current.set(shardId, tenure);
    this.#tenures.push(tenure);
  }
}

const ORIGINS: Readonly<Record<LeaseOrigin, string>> = {
  free: 'it was free',
  expired: 'its owner was gone',
  handedOver: 'handed over',
  regained: 'it had renewed late',
  stolen: 'taken',
};

/** A row for each tenure; `startedAt` is when the demo began, in ms since 1970. */
export function tenureRows(tenures: readonly Tenure[], startedAt: number): string[][] {
  const rows = tenures.map(({ shardId, worker, from, records, firstMs, lastMs, silentMs }, i) => [
    // Once for each shard.
    tenures[i - 1]?.shardId === shardId ? '' : shortId(shardId),
    worker,
    integer(records),
    seconds(firstMs - startedAt),
    seconds(lastMs - startedAt),
    silentMs === undefined ? '' : seconds(silentMs),
    inWords(from),
  ]);
  return [['shard', 'worker', 'records read', 'from', 'to', 'silent before', 'how it came'], ...rows];
}

/** `its owner was gone, then handed over`; what happened several times in a row is said once. */
function inWords(origins: readonly LeaseOrigin[]): string {
  const changes = origins.filter((origin, i) => origin !== origins[i - 1]);
  return changes.map((origin) => ORIGINS[origin]).join(', then ');
}
