import { expect } from 'chai';
import { comparePositions, SHARD_END, type Position } from '../../../lib/values/position.js';
import type { KinesisRecord } from '../../../lib/values/record.js';
import { endOf, positionToString, startOf, type SequenceNumberRange } from '../../../lib/values/sequence-range.js';
import type { Checkpoint } from '../../../lib/checkpoints/checkpoint-store.js';
import { hasChild, isStream, isWorkBehind, passes, recovers, shardIdsOf, type Course } from './course.js';
import type { Outcome } from './follow.js';
import { keyOf, type Asked, type Handled, type Observations } from './observations.js';

/** What is known of one shard when all is over. */
interface ShardOutcome {
  readonly shardId: string;
  /** Its records that the filter lets pass, in order. */
  readonly due: readonly KinesisRecord[];
  /** What the work was given of those. */
  readonly handled: readonly Handled[];
  readonly seen: Observations;
  readonly course: Course;
}

/** Throws unless what came of a course is right. */
export function check(course: Course, { kinesis, seen }: Outcome): void {
  for (const shardId of shardIdsOf(course)) {
    const due = kinesis.records(shardId).filter((record) => passes(course, record));
    const handled = seen.handled.filter(({ record }) => record.shardId === shardId && passes(course, record));
    const shard = { shardId, due, handled, seen, course };
    checkNothingIsLost(shard);
    checkOrder(shard);
    checkCheckpoints(shard);
    checkEnd(shard);
    checkRepeats(shard);
  }
  checkLeases(course, seen);
  checkFilter(course, seen);
  checkChildren(course, kinesis.records(0), seen);
}

function checkNothingIsLost({ shardId, due, handled }: ShardOutcome): void {
  const firsts = new Set(handled.map(({ record }) => keyOf(record)));
  expect([...firsts], `${shardId}: every record is handled, and for the first time in order`).to.deep.equal(due.map(keyOf));
}

/** Within one subscription to a life the order holds; under `recoverFrom`, within the life. */
function checkOrder({ shardId, handled, course }: ShardOutcome): void {
  if (!recovers(course)) return;
  for (const life of new Set(handled.map((one) => one.life))) {
    const keys = handled.filter((one) => one.life === life).map(({ record }) => record);
    keys.slice(1).forEach((record, i) => {
      expect(comparePositions(keys[i]!, record), `${shardId}: a life handles each record once, in order`).to.be.lessThan(0);
    });
  }
}

function checkCheckpoints(shard: ShardOutcome): void {
  const { shardId, seen } = shard;
  for (const asked of seen.asked) if (asked.checkpoint.shardId === shardId) checkAsked(shard, asked);
  const kept = seen.kept.filter(({ checkpoint }) => checkpoint.shardId === shardId);
  kept.slice(1).forEach(({ checkpoint, process }, i) => {
    const before = kept[i]!;
    const order = comparePositions(before.checkpoint, checkpoint);
    // The same place is written again only to say more of what is settled beyond it, or released before it.
    const isNews = news(before.checkpoint) !== news(checkpoint);
    expect(order, `${shardId}: checkpoints go ahead`).to.be.lessThan(process === before.process && !isNews ? 0 : 1);
  });
}

function news({ settledBeyond, unreleased }: Checkpoint): string {
  return JSON.stringify({ settledBeyond, unreleased });
}

/** Nothing unfinished is at or before a checkpoint, nor in what it says is settled beyond. */
function checkAsked({ shardId, due }: ShardOutcome, { checkpoint, finished }: Asked): void {
  const unfinished = due.filter((record) => covers(checkpoint, record) && !finished.has(keyOf(record))).map(positionToString);
  expect(unfinished, `${shardId}: a checkpoint at ${positionToString(checkpoint)} passes unfinished work`).to.deep.equal([]);
}

/** Whether a checkpoint says that a record is done: it may be in a block that is stored and whose work is not. */
function covers(checkpoint: Checkpoint, position: Position): boolean {
  const { settledBeyond = [], unreleased = [] } = checkpoint;
  const isIn = (range: SequenceNumberRange): boolean =>
    comparePositions(startOf(range), position) <= 0 && comparePositions(position, endOf(range)) <= 0;
  if (unreleased.some(({ ranges }) => ranges.some(isIn))) return false;
  return settledBeyond.some(isIn) || comparePositions(position, checkpoint) <= 0;
}

/**
 * All of a shard is checkpointed, by SHARD_END. Outside of a stream nobody says so of a shard of which a filter has dropped all that was
 * read since the last start: then only what was due before is.
 */
function checkEnd({ shardId, due, seen, course }: ShardOutcome): void {
  const last = seen.kept.filter(({ checkpoint }) => checkpoint.shardId === shardId).at(-1)?.checkpoint;
  if (isStream(course) || course.dropsEvery === undefined) expect(last?.sequenceNumber, `${shardId} comes to its end`).to.equal(SHARD_END);
  const left = due.filter((record) => !last || !covers(last, record));
  expect(left.map(keyOf), `${shardId}: all of it is checkpointed`).to.deep.equal([]);
}

/** Nothing but what was in flight is repeated. */
function checkRepeats({ shardId, due, handled, seen, course }: ShardOutcome): void {
  const at = (index: number): Handled[] => seen.handled.slice(index).filter((one) => handled.includes(one));
  // A block that left a life's pipeline before its lease was lost is still in the queue of the work, whatever is read then.
  if (!isWorkBehind(course) || !course.losses) {
    for (const { checkpoint, handled: index } of seen.reads) {
      if (checkpoint.shardId !== shardId) continue;
      const again = at(index).filter(({ record }) => covers(checkpoint, record));
      expect(
        again.map(({ record }) => keyOf(record)),
        `${shardId}: what the store says is settled does not come again`,
      ).to.deep.equal([]);
    }
  }
  for (const { life, handled: index, finished } of seen.starts) {
    if (life?.identity.shardId !== shardId) continue;
    const first = handled.find((one) => one.life === life)?.record;
    const own = first ? due.filter((record) => comparePositions(first, record) <= 0).map(keyOf) : [];
    const open = own.findIndex((key) => !finished.has(key));
    const prefix = open === -1 ? own : own.slice(0, open);
    const again = at(index).filter((one) => one.life === life && prefix.includes(keyOf(one.record)));
    expect(
      again.map(({ record }) => keyOf(record)),
      `${shardId}: a restart repeats only what is not settled`,
    ).to.deep.equal([]);
  }
  if (recovers(course) && course.leaves.every(({ how }) => how === 'stop') && !course.losses?.length && course.refusals.length === 0)
    expect(handled.length, `${shardId}: after a stop nothing comes again`).to.equal(due.length);
}

/** A worker without the lease writes nothing, and begins no work in the shard's own pipeline. */
function checkLeases(course: Course, { asked, handled }: Observations): void {
  expect(
    asked.filter(({ isHeld }) => !isHeld).map(({ checkpoint }) => checkpoint),
    'nothing is written without the lease',
  ).to.deep.equal([]);
  if (isWorkBehind(course)) return;
  expect(
    handled.filter(({ isHeld }) => !isHeld).map(({ record }) => keyOf(record)),
    'no work begins without the lease',
  ).to.deep.equal([]);
}

/** What the filter drops comes only with what is recovered behind it, as Kinesis holds it. */
function checkFilter(course: Course, { handled }: Observations): void {
  const dropped = handled.filter(({ record }) => !passes(course, record));
  const isAhead = course.recovery.endsWith('blocks');
  expect(dropped.filter(({ isRecovered }) => !isRecovered || !isAhead).map(({ record }) => keyOf(record))).to.deep.equal([]);
}

/** The work on a child begins when that on its parent is done. */
function checkChildren(course: Course, parent: readonly KinesisRecord[], { handled }: Observations): void {
  if (!hasChild(course)) return;
  const first = handled.find(({ record }) => record.shardId !== parent[0]?.shardId);
  if (!first) return;
  const unfinished = parent.filter((record) => passes(course, record) && !first.finished.has(keyOf(record)));
  expect(unfinished.map(keyOf), 'a child begins after its parent').to.deep.equal([]);
}
