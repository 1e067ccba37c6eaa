import { assertKnownFields } from '../../internal/validate.js';
import { InvalidConfigError } from '../../values/errors.js';
import type { KinesisRecord } from '../../values/record.js';
import { shown } from '../../values/shown.js';
import { assertChoice, isLetter } from './fake-checks.js';
import { hashKeyRanges, type PortHashKeyRange } from './fake-hash-keys.js';
import { Numbering, readLetter, readRecords, type ScriptedRecord } from './fake-records.js';
import type { FakeRecord, FakeScript, FakeShardScript, FakeTrim } from './fake-script.js';
import { FakeShard } from './fake-shard.js';
import { toShardId, type ShardName } from '../shard-name.js';

/** The stream of one fake: its shards and their records over the whole time of the script. A shard knows its state at each moment. */
export class FakeStream {
  readonly streamName: string;
  readonly shards = new Map<string, FakeShard>();
  /** The records by letter. */
  readonly values: Record<string, KinesisRecord> = {};
  private readonly numbering = new Numbering();
  private hashKeys = new Map<string, PortHashKeyRange>();

  constructor(
    private readonly script: FakeScript,
    /** Time 0 of the script, by the scheduler's clock. */
    private readonly startMs: number,
  ) {
    this.streamName = script.streamName ?? 'stream';
    this.addShards(Object.entries(script.shards).map(([name, shard]) => [name, typeof shard === 'string' ? { records: shard } : shard]));
    for (const { shard, ...trim } of script.trims ?? []) this.trim(shard, trim);
  }

  /** The shard of this name, which must be in the script. */
  shard(name: ShardName): FakeShard {
    const shard = this.shards.get(toShardId(name));
    if (!shard) throw new InvalidConfigError(`expected one of the shards ${[...this.shards.keys()].join(', ')}, got ${toShardId(name)}`);
    return shard;
  }

  /** The hash key range of a shard. */
  hashKeyRange(shardId: string): PortHashKeyRange {
    return this.hashKeys.get(shardId)!;
  }

  /** Lets records arrive now. */
  put(name: ShardName, records: string | readonly FakeRecord[], nowMs: number): KinesisRecord[] {
    const shard = this.openShard(name, nowMs);
    if (typeof records === 'string' && ![...records].every(isLetter))
      throw new InvalidConfigError(`${shard.shardId}: expected letters to put, which arrive now, got ${shown(records)}`);
    const scripted: ScriptedRecord[] =
      typeof records === 'string'
        ? [...records].map((letter) => ({ atMs: nowMs, letter, fields: readLetter(letter, this.script.values ?? {}) }))
        : records.map((fields) => ({ atMs: nowMs, fields }));
    if (scripted[0]?.fields.subSequenceNumber)
      throw new InvalidConfigError(
        `${shard.shardId}: expected the records of an aggregate to be put at once, from sub-sequence number 0 on`,
      );
    return scripted.map((record) => this.arrive(shard, record));
  }

  /** Closes the parents now and opens the children. */
  reshard(parents: readonly ShardName[], children: readonly ShardName[], nowMs: number): void {
    for (const parent of parents) this.close(parent, nowMs);
    this.addShards(children.map((name) => [name, { parents, createdAtMs: nowMs }]));
  }

  /** Closes a shard now. */
  close(name: ShardName, nowMs: number): void {
    const shard = this.openShard(name, nowMs);
    if (shard.arrivedAt(nowMs) < shard.log.length)
      throw new InvalidConfigError(`${shard.shardId}: the script has records after ${nowMs} ms`);
    shard.closedAtMs = nowMs;
  }

  /** Drops records of a shard. */
  trim(name: ShardName, trim: FakeTrim): void {
    assertKnownFields(trim, { atMs: true, through: true, beforeMs: true, reads: true }, 'trim');
    const { atMs = 0, through, beforeMs, reads = 'horizon' } = trim;
    assertChoice('reads', reads, ['horizon', 'empty-pages', 'InvalidArgumentException', 'ResourceNotFoundException']);
    if (through === undefined && beforeMs === undefined) throw new InvalidConfigError('trim: expected through or beforeMs');
    const { trims } = this.shard(name);
    trims.push({ atMs, beforeMs, reads, through: through === undefined ? undefined : this.numberOf(String(through)) });
    trims.sort((a, b) => a.atMs - b.atMs);
  }

  private openShard(name: ShardName, nowMs: number): FakeShard {
    const shard = this.shard(name);
    if (nowMs < shard.closedAtMs) return shard;
    throw new InvalidConfigError(`${shard.shardId} is closed since ${shard.closedAtMs} ms`);
  }

  private numberOf(numberOrLetter: string): string {
    const number = /^\d+$/.test(numberOrLetter) ? numberOrLetter : this.values[numberOrLetter]?.sequenceNumber;
    if (number === undefined)
      throw new InvalidConfigError(`trim: expected a sequence number or the letter of a record, got ${numberOrLetter}`);
    return number;
  }

  private addShards(scripts: ReadonlyArray<readonly [name: ShardName, script: FakeShardScript]>): void {
    const born = scripts.map(([name, script]) => ({ shardId: toShardId(name), script, ...readRecords(script, this.script.values ?? {}) }));
    const closings = new Map([...this.shards.values(), ...born].map(({ shardId, closedAtMs }) => [shardId, closedAtMs]));
    const arrivals = born.flatMap(({ shardId, script, records, closedAtMs }) => {
      const parents = (script.parents ?? []).map(toShardId);
      const bornAtMs = script.createdAtMs ?? birthOf(shardId, parents, closings);
      const shard = this.addShard(new FakeShard(shardId, parents, bornAtMs, closedAtMs, script.hashKeyRange));
      return records.map((record) => ({ shard, record }));
    });
    this.hashKeys = hashKeyRanges(this.shards);
    // Sequence numbers follow the order of arrival in the whole stream; the sort is stable, so each shard keeps its own order.
    arrivals.sort((a, b) => a.record.atMs - b.record.atMs);
    for (const { shard, record } of arrivals) this.arrive(shard, record);
  }

  private addShard(shard: FakeShard): FakeShard {
    if (this.shards.has(shard.shardId)) throw new InvalidConfigError(`${shard.shardId} is there already`);
    this.shards.set(shard.shardId, shard);
    return shard;
  }

  private arrive(shard: FakeShard, { atMs, fields, letter }: ScriptedRecord): KinesisRecord {
    const place = {
      streamName: this.streamName,
      shardId: shard.shardId,
      approximateArrivalTimestamp: new Date(this.startMs + atMs),
    };
    const record = this.numbering.complete(fields, place, shard.log[shard.arrivedAt(atMs) - 1]?.record);
    if (letter !== undefined && letter in this.values) throw new InvalidConfigError(`the letter ${letter} stands for two records`);
    shard.insert({ atMs, record });
    if (letter !== undefined) this.values[letter] = record;
    return record;
  }
}

/** A shard appears when the last of its parents closes. */
function birthOf(shardId: string, parents: readonly string[], closings: ReadonlyMap<string, number>): number {
  const bornAtMs = Math.max(...parents.map((parent) => closings.get(parent) ?? -Infinity));
  if (bornAtMs < Infinity) return bornAtMs;
  throw new InvalidConfigError(`${shardId}: expected createdAtMs or parents that close, but one of ${parents.join(', ')} stays open`);
}
