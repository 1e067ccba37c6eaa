import { ClassicLevel } from 'classic-level';
import type { Total } from './flights.js';

/** Counted since the database was made. */
export interface SinkCounts {
  /** Entries in the log of what was applied. */
  readonly blocks: number;
  /** Records applied. */
  readonly processed: number;
  /** Blocks that came again just as before, and their records. */
  readonly repeatedBlocks: number;
  readonly repeatedBlockRecords: number;
  /** Records that came again in another block. */
  readonly repeatedRecords: number;
  /** Blocks of a worker that was no longer the shard's owner. */
  readonly refusedBlocks: number;
}

/** A block as it was applied, for whoever wants to check. */
export interface Applied {
  readonly shardId: string;
  /** Of each record: the index of its flight, and its sequence number. */
  readonly records: readonly (readonly [index: number, sequenceNumber: string])[];
}

/** All that the sink holds. */
export interface SinkContents {
  readonly counts: SinkCounts;
  readonly totals: ReadonlyMap<string, Total>;
  /** In the order of applying. */
  readonly applied: readonly Applied[];
}

/** The database of the sink: everything in it has a key of {@link KEYS}. */
export type SinkDatabase = ClassicLevel<string, unknown>;

export const KEYS = {
  counts: 'counts',
  /** That a block was saved. */
  block: (id: string): string => `block/${id}`,
  /** The position of the last record of a shard that was applied. */
  place: (shardId: string): string => `place/${shardId}`,
  /** The highest fencing token of a shard that has come. */
  fencingToken: (shardId: string): string => `fencing-token/${shardId}`,
  /** The {@link Total} of a group. */
  total: (group: string): string => `total/${group}`,
  /** What was {@link Applied}, in order. */
  applied: (number: number): string => `applied/${String(number).padStart(9, '0')}`,
};

const NO_COUNTS: SinkCounts = {
  blocks: 0,
  processed: 0,
  repeatedBlocks: 0,
  repeatedBlockRecords: 0,
  repeatedRecords: 0,
  refusedBlocks: 0,
};

export async function openDatabase(directory: string): Promise<SinkDatabase> {
  const db: SinkDatabase = new ClassicLevel(directory, { valueEncoding: 'json' });
  await db.open();
  return db;
}

export async function readCounts(db: SinkDatabase): Promise<SinkCounts> {
  return ((await db.get(KEYS.counts)) as SinkCounts | undefined) ?? NO_COUNTS;
}

/** Reads all of a sink that no process has open. */
export async function readSink(directory: string): Promise<SinkContents> {
  const db = await openDatabase(directory);
  try {
    const prefix = KEYS.total('');
    const totals = await db.iterator({ gt: prefix, lt: `${prefix}\uffff` }).all();
    const applied = await db.values({ gte: KEYS.applied(0), lt: 'applied/~' }).all();
    return {
      counts: await readCounts(db),
      totals: new Map(totals.map(([key, total]) => [key.slice(prefix.length), total as Total])),
      applied: applied as Applied[],
    };
  } finally {
    await db.close();
  }
}
