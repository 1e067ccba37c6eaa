import type { LeasableShard } from '../checkpoints/checkpoint-store.js';
import type { LeaseContext } from './lease-context.js';
import { isEnded, isForeign, type LeaseRow } from './lease.js';

/** What the rows of a stream's shards say of the workers that share them. */
export interface FleetFacts {
  /** The rows that are not ended. */
  readonly open: readonly LeaseRow[];
  /** The keys of those that are ended, or without owner. */
  readonly takeable: ReadonlySet<string>;
  /** How many workers own an open one, this one included. */
  readonly workers: number;
  /** The row that is the bell: the one with the lowest key, the same for every worker. */
  readonly bell: LeaseRow | undefined;
  /** The first row that the bell's owner does not own. */
  readonly second: LeaseRow | undefined;
  /** Whether an owner is none of this package. */
  readonly hasForeign: boolean;
  /** Whether this worker waits for a lease that it asked for. */
  readonly isAsking: boolean;
}

/** Collects the facts. @param rows - those of shards in view. */
export function factsOf(rows: readonly LeaseRow[], workerId: string): FleetFacts {
  const [open, takeable, owners] = [[] as LeaseRow[], new Set<string>(), new Set([workerId])];
  let [hasForeign, isAsking] = [false, false];
  for (const row of rows) {
    const { leaseKey, leaseOwner, checkpointOwner } = row;
    const hasEnded = isEnded(row);
    if (hasEnded || leaseOwner === undefined) takeable.add(leaseKey);
    if (hasEnded) continue;
    open.push(row);
    if (leaseOwner !== undefined) owners.add(leaseOwner);
    hasForeign ||= isForeign(row);
    isAsking ||= leaseOwner === workerId && checkpointOwner !== undefined;
  }
  const bell = lowest(open);
  const second = bell && lowest(open, ({ leaseOwner }) => leaseOwner !== bell.leaseOwner);
  return { open, takeable, workers: owners.size, bell, second, hasForeign, isAsking };
}

/** The facts as this worker sees them; collected once for each state of the rows, which may be many. */
export class Fleet {
  readonly #context: LeaseContext;
  #facts: FleetFacts | undefined;
  #changes = -1;
  #shards: ReadonlyMap<string, LeasableShard> | undefined;

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  get facts(): FleetFacts {
    const { observer, shards, config } = this.#context;
    const isNew = this.#changes !== observer.changes || this.#shards !== shards();
    if (this.#facts && !isNew) return this.#facts;
    this.#changes = observer.changes;
    this.#shards = shards();
    const rows = observer.rows().filter((row) => this.isInView(row));
    return (this.#facts = factsOf(rows, config.workerId));
  }

  /** Whether the stream has the shard of a row still: nobody takes the lease of one that it has not. */
  isInView({ leaseKey }: Pick<LeaseRow, 'leaseKey'>): boolean {
    return this.#context.shards()?.has(leaseKey) ?? false;
  }
}

function lowest(rows: readonly LeaseRow[], isWanted: (row: LeaseRow) => boolean = () => true): LeaseRow | undefined {
  let first: LeaseRow | undefined;
  for (const row of rows) if ((!first || row.leaseKey < first.leaseKey) && isWanted(row)) first = row;
  return first;
}
