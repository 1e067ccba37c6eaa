import { comparePositions, type Block, type KinesisRecord, type Position, type SequenceNumberRanges } from '../../../lib/index.js';
import { addFlight, NOTHING, type Flight, type Total } from './flights.js';
import { KEYS, openDatabase, readCounts, type Applied, type SinkCounts, type SinkDatabase } from './sink-database.js';

/** What became of a block. It carries the block's ranges, by which `checkpointEvery` settles it. */
export interface Saved {
  readonly ranges: SequenceNumberRanges;
  /** Records of it that were new. */
  readonly fresh: number;
  /** Records that all workers have saved by now. */
  readonly processed: number;
}

/**
 * Adds delays up in a level database, each record once, however often it comes.
 *
 * A block that was saved is known by its id. But a worker that takes over from one that was killed cuts other blocks from the
 * same records, and those have other ids. So the sink also keeps how far each shard has come: the records of a shard
 * come in order, hence one at or before that place was applied before. (Were it not so, a record that came too late would be
 * left out, and the verification would find it lost.) Ids, places and sums are written in one atomic batch: after a crash all
 * of a block is there, or none of it.
 */
export class FlightSink {
  readonly #db: SinkDatabase;
  #counts: SinkCounts;
  /** Blocks are saved one after another: two shards may add to the same total. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(db: SinkDatabase, counts: SinkCounts) {
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
    if ((await this.#db.get(KEYS.block(block))) !== undefined) {
      const { repeatedBlocks, repeatedBlockRecords } = this.#counts;
      await this.#write({ repeatedBlocks: repeatedBlocks + 1, repeatedBlockRecords: repeatedBlockRecords + records.length });
      return { ranges, fresh: 0, processed: this.#counts.processed };
    }

    const reached = (await this.#db.get(KEYS.place(records[0]!.shardId))) as Position | undefined;
    const fresh = reached ? records.filter((record) => comparePositions(record, reached) > 0) : records;
    const { blocks, processed, repeatedRecords } = this.#counts;
    const counts = {
      blocks: blocks + 1,
      processed: processed + fresh.length,
      repeatedRecords: repeatedRecords + records.length - fresh.length,
    };
    await this.#write(counts, [[KEYS.block(block), true], ...(fresh.length > 0 ? await this.#entriesFor(fresh) : [])]);
    return { ranges, fresh: fresh.length, processed: this.#counts.processed };
  }

  async #entriesFor(fresh: readonly KinesisRecord[]): Promise<[string, unknown][]> {
    const flights = fresh.map(flightOf);
    const { shardId, sequenceNumber, subSequenceNumber } = fresh.at(-1)!;
    const place: Position = { sequenceNumber, subSequenceNumber };
    const applied: Applied = { shardId, records: fresh.map((record, i) => [flights[i]!.index, record.sequenceNumber]) };
    return [[KEYS.place(shardId), place], [KEYS.applied(this.#counts.blocks), applied], ...(await this.#addUp(flights))];
  }

  async #addUp(flights: readonly Flight[]): Promise<[string, Total][]> {
    const keys = [...new Set(flights.map(({ group }) => KEYS.total(group)))];
    const stored = (await this.#db.getMany(keys)) as (Total | undefined)[];
    const totals = new Map(keys.map((key, i) => [key, stored[i] ?? NOTHING]));
    for (const flight of flights) totals.set(KEYS.total(flight.group), addFlight(totals.get(KEYS.total(flight.group))!, flight));
    return [...totals];
  }

  /** Onto the disk, since the checkpoint that follows says that the block is processed. */
  async #write(changed: Partial<SinkCounts>, entries: readonly (readonly [string, unknown])[] = []): Promise<void> {
    const counts = { ...this.#counts, ...changed };
    const puts = [...entries, [KEYS.counts, counts] as const].map(([key, value]) => ({ type: 'put' as const, key, value }));
    await this.#db.batch(puts, { sync: true });
    this.#counts = counts;
  }
}

/** The flight that a record carries. */
export function flightOf({ data }: KinesisRecord): Flight {
  return JSON.parse(new TextDecoder().decode(data)) as Flight;
}
