import { expect } from 'chai';
import { comparePositions, compareSequenceNumbers } from '../../../lib/values/position.js';
import { isPeaceful, neverPauses, type FleetCourse } from './course.js';
import type { FleetOutcome, Worked } from './follow.js';

/** What must hold whatever happens to a fleet. */
export function checkFleet(course: FleetCourse, outcome: FleetOutcome): void {
  const { kinesis, parents, table, worked, errors } = outcome;
  expect(errors, 'no stream errors').to.deep.equal([]);
  const shardIds = table.rows.all().map(({ leaseKey }) => leaseKey);
  for (const shardId of new Set([...shardIds, ...parents.keys(), ...parents.values()])) {
    const own = worked.filter((one) => one.shardId === shardId);
    const numbers = kinesis.records(shardId).map(({ sequenceNumber }) => sequenceNumber);
    checkDone(shardId, numbers, own);
    checkOrder(shardId, own);
    const parent = parents.get(shardId);
    if (parent !== undefined)
      checkParent(
        shardId,
        kinesis.records(parent).map(({ sequenceNumber }) => sequenceNumber),
        parent,
        worked,
      );
  }
  checkCheckpoints(outcome);
  if (neverPauses(course))
    expect(
      worked.filter(({ isDone, workerId, holder }) => !isDone && holder !== workerId),
      'who begins work holds the lease',
    ).to.deep.equal([]);
  if (isPeaceful(course)) checkPeace(worked);
}

function checkDone(shardId: string, numbers: readonly string[], own: readonly Worked[]): void {
  const done = new Set(own.filter(({ isDone }) => isDone).map(({ sequenceNumber }) => sequenceNumber));
  expect(
    numbers.filter((number) => !done.has(number)),
    `${shardId}: all of it is worked on`,
  ).to.deep.equal([]);
}

/** One worker works in order, but where it begins again, which is never after a record that it has not worked on. */
function checkOrder(shardId: string, own: readonly Worked[]): void {
  const done = own.filter(({ isDone }) => isDone).map(({ sequenceNumber }) => sequenceNumber);
  const seen = new Set<string>();
  const sorted = [...new Set(done)].sort(compareSequenceNumbers);
  for (const number of done) {
    seen.add(number);
    const gap = sorted.find((other) => compareSequenceNumbers(other, number) < 0 && !seen.has(other));
    expect(gap, `${shardId}: ${number} is worked on after all before it`).to.equal(undefined);
  }
}

function checkParent(child: string, numbers: readonly string[], parent: string, worked: readonly Worked[]): void {
  const first = worked.findIndex((one) => one.shardId === child);
  if (first < 0) return;
  const done = new Set(worked.slice(0, first).flatMap((one) => (one.shardId === parent && one.isDone ? [one.sequenceNumber] : [])));
  expect(
    numbers.filter((number) => !done.has(number)),
    `${child} begins after all of ${parent}`,
  ).to.deep.equal([]);
}

/** The holder alone writes, never backwards, and never past what was worked on. */
function checkCheckpoints({ table }: FleetOutcome): void {
  const last = new Map<string, (typeof table.checkpoints)[number]>();
  for (const one of table.checkpoints) {
    expect(one.holder, `${one.shardId}: who writes holds the lease`).to.equal(one.workerId);
    const before = last.get(one.shardId);
    if (before) expect(comparePositions(before.position, one.position), `${one.shardId}: checkpoints go ahead`).to.be.lessThan(1);
    last.set(one.shardId, one);
  }
}

function checkPeace(worked: readonly Worked[]): void {
  expect(
    worked.filter(({ workerId, holder }) => holder !== workerId),
    'who works holds the lease',
  ).to.deep.equal([]);
  const done = worked.filter(({ isDone }) => isDone).map(({ shardId, sequenceNumber }) => `${shardId} ${sequenceNumber}`);
  expect(
    done.filter((key, i) => done.indexOf(key) !== i),
    'nothing comes twice',
  ).to.deep.equal([]);
}
