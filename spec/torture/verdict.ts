import { checkpoints, lastCheckpoints, lostForNothing, lostRecords, orderWithin, parentsFirst, tornDown, writers } from './checks.js';
import type { FaultMaker } from './fault-maker.js';
import type { Fleet } from './fleet.js';
import type { History } from './history.js';
import type { Producer } from './producer.js';
import { accountsOf } from './shard-account.js';
import type { TableJournal } from './table-journal.js';

/** What is known of a run at its end. */
export interface Evidence {
  readonly history: History;
  readonly journal: TableJournal;
  readonly producer: Producer;
  readonly fleet: Fleet;
  readonly faults: FaultMaker;
  /** Where the logs are. */
  readonly directory: string;
  readonly failoverTimeMs: number;
}

/** What a run came to. */
export interface Verdict extends Pick<Evidence, 'directory'> {
  /** What should not have happened; empty when all is well. */
  readonly broken: readonly string[];
  readonly made: FaultMaker['made'];
  /** The longest time in which a shard had records and none of them was worked on. */
  readonly silence: { readonly shardId: string; readonly ms: number; readonly until: number };
  /** Counts, by what they count. */
  readonly figures: Readonly<Record<string, number>>;
}

/** Checks everything, and counts. */
export async function verdictOn({ history, journal, producer, fleet, faults, directory, failoverTimeMs }: Evidence): Promise<Verdict> {
  const { blocks } = history;
  const accounts = await accountsOf(producer, blocks);
  const writes = journal.byShard();
  const ofStream = [...writes].filter(([shardId]) => accounts.has(shardId));
  const pulses = [...writes.values()].flatMap((rows) => rows.filter(({ isPulse }) => isPulse));
  const broken = [
    ...lostRecords(accounts),
    ...orderWithin(blocks, accounts),
    ...parentsFirst(blocks, accounts),
    ...ofStream.flatMap(([shardId, rows]) => [...checkpoints(rows, accounts.get(shardId)!), ...writers(rows, failoverTimeMs, pulses)]),
    ...lostForNothing(history, writes),
    ...lastCheckpoints(writes, accounts),
    ...tornDown(history),
    ...fleet.deaths,
  ];
  const silences = [...accounts.values()].map((account) => ({ shardId: account.shardId, ...account.longestSilence() }));
  const silence = silences.sort((a, b) => b.ms - a.ms)[0]!;
  const recovered = history.events.filter(({ type }) => type === 'recovered');
  const figures = {
    records: producer.stream.count,
    'worked on again': history.repeats,
    shards: accounts.size,
    'splits and merges': producer.reshardings,
    kills: fleet.kills,
    pauses: fleet.pauses,
    stops: fleet.stops,
    'starts given up': fleet.startsGivenUp,
    'faults made': faults.total,
    'retries of reads': history.countOf('readRetry'),
    'recoveries begun': history.countOf('recoveryStarted'),
    recovered: recovered.length,
    'records read again by them': recovered.reduce((sum, { records = 0 }) => sum + records, 0),
    'leases taken': history.countOf('leaseTaken'),
    'leases lost': history.countOf('leaseLost'),
    'pipelines restarted': history.countOf('shardRestarted'),
    'writes of the table': journal.writes.length,
    checkpoints: journal.writes.filter(({ checkpoint }) => checkpoint !== undefined).length,
    'longest silence of a shard, ms': silence.ms,
  };
  return { broken, made: faults.made, figures, silence, directory };
}
