import { compareSequenceNumbers, isSequenceNumber } from '../values/position.js';
import { ShardReadError } from './errors.js';
import type { GetRecordsPage, ListShardsPage, PortChildShard, PortRecord, PortShard } from './port.js';

/** The stream and the shard of a call, for its error. */
export interface AnswerPlace {
  readonly streamName: string;
  readonly shardId?: string;
}

/**
 * Returns the answer of GetRecords if it has all the fields that the API demands. Some emulators send `null` where the service leaves a
 * field out.
 *
 * @remarks
 * A missing field is never taken for an empty one: if an answer has lost its records, reading would continue after them and lose them too.
 * A lag that is not a number counts as absent.
 *
 * @throws ShardReadError, retriable: a retry may get a complete answer.
 */
export function checkedPage(page: GetRecordsPage, place: AnswerPlace): GetRecordsPage {
  const check = new AnswerCheck('GetRecords', place);
  const { Records, NextShardIterator, MillisBehindLatest, ChildShards } = check.object(page, 'a page');
  check.that(Array.isArray(Records), 'without Records');
  checkRecords(Records, check);
  if (isThere(NextShardIterator)) check.text(NextShardIterator, 'NextShardIterator');
  if (isThere(ChildShards)) check.that(Array.isArray(ChildShards), 'with ChildShards that are no list');
  ChildShards?.forEach((child) => checkChild(child, check));
  return {
    Records,
    ...(isThere(NextShardIterator) && { NextShardIterator }),
    ...(Number.isFinite(MillisBehindLatest) && { MillisBehindLatest: Math.max(0, MillisBehindLatest!) }),
    ...(isThere(ChildShards) && { ChildShards }),
  };
}

/** Returns the answer of GetShardIterator if it is an iterator. @throws ShardReadError, retriable */
export function checkedIterator(iterator: string, place: AnswerPlace): string {
  new AnswerCheck('GetShardIterator', place).text(iterator, 'ShardIterator');
  return iterator;
}

/** Returns a page of ListShards if it has all the fields that the API demands. @throws ShardReadError, retriable */
export function checkedListing(page: ListShardsPage, place: AnswerPlace): ListShardsPage {
  const check = new AnswerCheck('ListShards', place);
  const { Shards, NextToken } = check.object(page, 'a page');
  check.that(Array.isArray(Shards), 'without Shards');
  if (isThere(NextToken)) check.that(typeof NextToken === 'string', 'with a NextToken that is no text');
  // Some emulators send an empty token on the last page.
  return { Shards: Shards.map((shard) => checkedShard(shard, check)), ...(NextToken && { NextToken }) };
}

function checkedShard(shard: PortShard, check: AnswerCheck): PortShard {
  const { ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange, SequenceNumberRange } = check.object(shard, 'a shard');
  check.text(ShardId, 'ShardId');
  if (isThere(ParentShardId)) check.text(ParentShardId, 'ParentShardId');
  if (isThere(AdjacentParentShardId)) check.text(AdjacentParentShardId, 'AdjacentParentShardId');
  checkHashKeys(HashKeyRange, check);
  const { StartingSequenceNumber, EndingSequenceNumber } = check.object(SequenceNumberRange, 'SequenceNumberRange');
  check.number(StartingSequenceNumber, 'StartingSequenceNumber');
  if (isThere(EndingSequenceNumber)) check.number(EndingSequenceNumber, 'EndingSequenceNumber');
  return {
    ShardId,
    ...(isThere(ParentShardId) && { ParentShardId }),
    ...(isThere(AdjacentParentShardId) && { AdjacentParentShardId }),
    HashKeyRange,
    SequenceNumberRange: { StartingSequenceNumber, ...(isThere(EndingSequenceNumber) && { EndingSequenceNumber }) },
  };
}

/** Checks a child shard of the last page or event of a closed shard. */
export function checkChild(child: PortChildShard, check: AnswerCheck): void {
  const { ShardId, ParentShards, HashKeyRange } = check.object(child, 'a child shard');
  check.text(ShardId, 'ShardId of a child');
  check.that(Array.isArray(ParentShards) && ParentShards.length > 0, 'with a child shard without ParentShards');
  for (const parent of ParentShards) check.text(parent, 'ParentShards of a child');
  checkHashKeys(HashKeyRange, check);
}

function checkHashKeys(range: PortShard['HashKeyRange'], check: AnswerCheck): void {
  const { StartingHashKey, EndingHashKey } = check.object(range, 'HashKeyRange');
  check.number(StartingHashKey, 'StartingHashKey');
  check.number(EndingHashKey, 'EndingHashKey');
}

/** Checks the whole number of the first and the last record; of the others, up to 10 000, only that they increase, as no text does. */
export function checkRecords(records: readonly PortRecord[], check: AnswerCheck): void {
  let before: PortRecord | undefined;
  for (const record of records) {
    checkFields(record, check);
    check.that(
      !before || compareSequenceNumbers(before.SequenceNumber, record.SequenceNumber) < 0,
      'with records that do not follow each other',
    );
    before = record;
  }
  if (!before) return;
  check.number(records[0]!.SequenceNumber, 'SequenceNumber');
  check.number(before.SequenceNumber, 'SequenceNumber');
}

function checkFields(record: PortRecord, check: AnswerCheck): void {
  const { SequenceNumber, PartitionKey, Data } = check.object(record, 'a record');
  check.that(typeof SequenceNumber === 'string' && endsInDigit(SequenceNumber), 'with a record without SequenceNumber');
  check.that(typeof PartitionKey === 'string', 'with a record without PartitionKey');
  check.that(Number.isSafeInteger((Data as Uint8Array | undefined)?.byteLength), 'with a record without Data');
}

function endsInDigit(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 48 && last <= 57;
}

/** Whether a field is there: some emulators send `null` for one that the service leaves out. */
export function isThere<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}

/** Checks one answer. Messages name fields and never their values; a message is made only when a check fails. */
export class AnswerCheck {
  readonly #call: string;
  readonly #place: AnswerPlace;

  constructor(call: string, place: AnswerPlace) {
    this.#call = call;
    this.#place = place;
  }

  that(holds: boolean, fault: string): void {
    if (!holds) this.#fail(fault);
  }

  object<T extends object>(value: T, name: string): T {
    if (typeof value !== 'object' || (value as unknown) === null) this.#fail(`without ${name}`);
    return value;
  }

  text(value: unknown, name: string): void {
    if (typeof value !== 'string' || value === '') this.#fail(`without ${name}`);
  }

  number(value: unknown, name: string): void {
    if (!isSequenceNumber(value)) this.#fail(`with a ${name} that is no number`);
  }

  #fail(fault: string): never {
    throw new ShardReadError(`${this.#call} was answered ${fault}`, { ...this.#place, retriable: true });
  }
}
