import { ClassicLevel } from 'classic-level';
import { comparePositions, type Block, type KinesisRecord, type Position, type SequenceNumberRanges } from '../../../lib/index.js';
import { addFlight, NOTHING, type Flight, type Total } from './flights.js';

/** What became of a block. It carries the block's ranges, by which `checkpointEvery` settles it. */
export interface Saved {
  readonly ranges: SequenceNumberRanges;
  /** Records of it that were new. */
  readonly fresh: number;
  /** Records that all workers have saved by now. */
  readonly processed: number;
}

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

type Database = ClassicLevel<string, unknown>;

const NO_COUNTS: SinkCounts = { blocks: 0, processed: 0, repeatedBlocks: 0, repeatedBlockRecords: 0, repeatedRecords: 0 };

/**
 * Adds delays up in a level database, each record once, however often it comes.
 *
 * A block that was saved is known by its id. But a worker that takes over from one that was killed cuts other blocks from the
 * same records, and those have other ids. So the sink also keeps how far each shard has come: the records of a shard
 * come in order, hence one at or before that place was applied before. Ids, places and sums are written in one atomic batch:
 * after a crash all of a block is there, or none of it.
 */
export class FlightSink {
  readonly #db: Database;
  #counts: SinkCounts;
  /** Blocks are saved one after another: two shards may add to the same total. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(db: Database, counts: SinkCounts) {
    this.#db = db;
    this.#counts = counts;
  }

  static async open(directory: string): Promise<FlightSink> {
    const db = await openDatabase(directory);
    return new FlightSink(db, await readCounts(db));
  }

  /** Applies what is new in the block. */
  save(block: Block): Promise<Saved> {
    const saved = this.#last.then(() => this.#apply(block));
    this.#last = saved.catch(() => undefined);
    return saved;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#db.close();
  }

  async #apply(block: Block): Promise<Saved> {
    const { records, ranges } = block;
    if ((await this.#db.get(blockKey(block))) !== undefined) {
      const { repeatedBlocks, repeatedBlockRecords } = this.#counts;
      await this.#write({ repeatedBlocks: repeatedBlocks + 1, repeatedBlockRecords: repeatedBlockRecords + records.length });
      return { ranges, fresh: 0, processed: this.#counts.processed };
    }

    const reached = (await this.#db.get(placeKey(block))) as Position | undefined;
    const fresh = reached ? records.filter((record) => comparePositions(record, reached) > 0) : records;
    const { blocks, processed, repeatedRecords } = this.#counts;
    const counts = {
      blocks: blocks + 1,
      processed: processed + fresh.length,
      repeatedRecords: repeatedRecords + records.length - fresh.length,
    };
    await this.#write(counts, [[blockKey(block), true], ...(fresh.length > 0 ? await this.#entriesFor(fresh, block) : [])]);
    return { ranges, fresh: fresh.length, processed: this.#counts.processed };
  }

  async #entriesFor(fresh: readonly KinesisRecord[], block: Block): Promise<[string, unknown][]> {
    const flights = fresh.map(flightOf);
    const { shardId, sequenceNumber, subSequenceNumber } = fresh.at(-1)!;
    const place: Position = { sequenceNumber, subSequenceNumber };
    const applied: Applied = { shardId, records: fresh.map((record, i) => [flights[i]!.index, record.sequenceNumber]) };
    return [[placeKey(block), place], [logKey(this.#counts.blocks), applied], ...(await this.#addUp(flights))];
  }

  async #addUp(flights: readonly Flight[]): Promise<[string, Total][]> {
    const keys = [...new Set(flights.map(({ group }) => totalKey(group)))];
    const stored = (await this.#db.getMany(keys)) as (Total | undefined)[];
    const totals = new Map(keys.map((key, i) => [key, stored[i] ?? NOTHING]));
    for (const flight of flights) totals.set(totalKey(flight.group), addFlight(totals.get(totalKey(flight.group))!, flight));
    return [...totals];
  }

  /** Onto the disk, since the checkpoint that follows says that the block is processed. */
  async #write(changed: Partial<SinkCounts>, entries: readonly (readonly [string, unknown])[] = []): Promise<void> {
    const counts = { ...this.#counts, ...changed };
    const puts = [...entries, [COUNTS_KEY, counts] as const].map(([key, value]) => ({ type: 'put' as const, key, value }));
    await this.#db.batch(puts, { sync: true });
    this.#counts = counts;
  }
}

/** Reads all of a sink that nobody has open. */
export async function readSink(directory: string): Promise<SinkContents> {
  const db = await openDatabase(directory);
  try {
    const totals = await db.iterator({ gt: totalKey(''), lt: totalKey('\uffff') }).all();
    const applied = await db.values({ gt: LOG, lt: `${LOG}~` }).all();
    return {
      counts: await readCounts(db),
      totals: new Map(totals.map(([key, total]) => [key.slice(totalKey('').length), total as Total])),
      applied: applied as Applied[],
    };
  } finally {
    await db.close();
  }
}

async function openDatabase(directory: string): Promise<Database> {
  const db: Database = new ClassicLevel(directory, { valueEncoding: 'json' });
  await db.open();
  return db;
}

async function readCounts(db: Database): Promise<SinkCounts> {
  return ((await db.get(COUNTS_KEY)) as SinkCounts | undefined) ?? NO_COUNTS;
}

/** The flight that a record carries. */
export function flightOf({ data }: KinesisRecord): Flight {
  return JSON.parse(new TextDecoder().decode(data)) as Flight;
}

const COUNTS_KEY = 'counts';
const LOG = 'applied/';

const blockKey = ({ id }: Block): string => `block/${id}`;
const placeKey = ({ records }: Block): string => `place/${records[0]!.shardId}`;
const totalKey = (group: string): string => `total/${group}`;
const logKey = (block: number): string => LOG + String(block).padStart(9, '0');
