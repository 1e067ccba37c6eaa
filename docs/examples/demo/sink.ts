import { comparePositions, type Position } from '../../../lib/index.js';
import { addFlight, NOTHING, type Flight, type Total } from './flights.js';
import type { SavedRecord, SaveRequest } from './messages.js';
import { KEYS, openDatabase, readCounts, type Applied, type SinkCounts, type SinkDatabase } from './sink-database.js';

/** What became of a block. */
export interface Saved {
  /** Records of it that were new. */
  readonly fresh: number;
  /** Records that all workers have saved by now. */
  readonly processed: number;
}

/**
 * Adds delays up in a level database, each record once, however often it comes, and whichever worker brings it.
 *
 * A block that was saved is known by its id. But a worker that takes over from one that was killed cuts other blocks from the
 * same records, and those have other ids. So the sink also keeps how far each shard has come: the records of a shard
 * come in order, hence one at or before that place was applied before. (Were it not so, a record that came too late would be
 * left out, and the verification would find it lost.) A worker that has lost a shard may not know it yet: the sink keeps the
 * highest fencing token of each shard, and refuses blocks with a lower one. Ids, places, tokens and sums are written in one
 * atomic batch: after a crash all of a block is there, or none of it.
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

  /** Applies what is new in the block; resolves when that is on the disk. Rejects when the shard has another owner by now. */
  save(request: SaveRequest): Promise<Saved> {
    const saved = this.#last.then(() => this.#apply(request));
    this.#last = saved.catch(() => undefined);
    return saved;
  }

  /** Saves nothing more until the returned function is called. */
  hold(): () => void {
    let goOn: () => void = () => undefined;
    const hold = new Promise<void>((resolve) => (goOn = resolve));
    this.#last = this.#last.then(() => hold);
    return goOn;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#db.close();
  }

  async #apply({ blockId, shardId, fencingToken, records }: SaveRequest): Promise<Saved> {
    const { blocks, processed, repeatedRecords, repeatedBlocks, repeatedBlockRecords, refusedBlocks } = this.#counts;
    const highest = (await this.#db.get(KEYS.fencingToken(shardId))) as string | undefined;
    if (BigInt(fencingToken) < BigInt(highest ?? 0)) {
      await this.#write({ refusedBlocks: refusedBlocks + 1 });
      throw new Error(`${shardId} has another owner by now: its fencing token is ${highest}, that of the block ${fencingToken}`);
    }
    const token = [KEYS.fencingToken(shardId), fencingToken] as const;
    if ((await this.#db.get(KEYS.block(blockId))) !== undefined) {
      const counts = { repeatedBlocks: repeatedBlocks + 1, repeatedBlockRecords: repeatedBlockRecords + records.length };
      await this.#write(counts, [token]);
      return { fresh: 0, processed };
    }

    const reached = (await this.#db.get(KEYS.place(shardId))) as Position | undefined;
    const fresh = reached ? records.filter((record) => comparePositions(record, reached) > 0) : records;
    const counts = {
      blocks: blocks + 1,
      processed: processed + fresh.length,
      repeatedRecords: repeatedRecords + records.length - fresh.length,
    };
    await this.#write(counts, [token, [KEYS.block(blockId), true], ...(fresh.length > 0 ? await this.#entriesFor(shardId, fresh) : [])]);
    return { fresh: fresh.length, processed: counts.processed };
  }

  async #entriesFor(shardId: string, fresh: readonly SavedRecord[]): Promise<[string, unknown][]> {
    const { sequenceNumber, subSequenceNumber } = fresh.at(-1)!;
    const place: Position = { sequenceNumber, subSequenceNumber };
    const applied: Applied = { shardId, records: fresh.map(({ flight, sequenceNumber }) => [flight.index, sequenceNumber]) };
    const flights = fresh.map(({ flight }) => flight);
    return [[KEYS.place(shardId), place], [KEYS.applied(this.#counts.blocks), applied], ...(await this.#addUp(flights))];
  }

  async #addUp(flights: readonly Flight[]): Promise<[string, Total][]> {
    const keys = [...new Set(flights.map(({ group }) => KEYS.total(group)))];
    const stored = (await this.#db.getMany(keys)) as (Total | undefined)[];
    const totals = new Map(keys.map((key, i) => [key, stored[i] ?? NOTHING]));
    for (const flight of flights) totals.set(KEYS.total(flight.group), addFlight(totals.get(KEYS.total(flight.group))!, flight));
    return [...totals];
  }

  /** Onto the disk, since the worker releases the block when it hears that it is saved. */
  async #write(changed: Partial<SinkCounts>, entries: readonly (readonly [string, unknown])[] = []): Promise<void> {
    const counts = { ...this.#counts, ...changed };
    const puts = [...entries, [KEYS.counts, counts] as const].map(([key, value]) => ({ type: 'put' as const, key, value }));
    await this.#db.batch(puts, { sync: true });
    this.#counts = counts;
  }
}
