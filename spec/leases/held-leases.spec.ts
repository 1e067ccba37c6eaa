import { expect } from 'chai';
import { defer, delay, of, tap, timer, type Observable, type SchedulerLike } from 'rxjs';
import { isLeaseLost } from '../../lib/checkpoints/errors.js';
import { HeldLeases } from '../../lib/leases/held-leases.js';
import type { HeldLease } from '../../lib/leases/held-lease.js';
import type { LeaseRow } from '../../lib/leases/lease.js';
import type { LeasePort } from '../../lib/leases/lease-port.js';
import { handOverUpdate, renewUpdate, type LeaseUpdate } from '../../lib/leases/lease-updates.js';
import { FakeLeaseRows } from '../../lib/testing/leases/fake-lease-rows.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

const row: LeaseRow = {
  ...{ leaseKey: 'shardId-000000000000', leaseCounter: 3, parentShardIds: [], childShardIds: [] },
  checkpoint: { sequenceNumber: '5', subSequenceNumber: 0 },
};

const first = row.leaseKey;

/** What becomes of a write: whether the reply says that it was made. */
type Answer = (rows: FakeLeaseRows, key: string, update: LeaseUpdate) => boolean;

const answered: Answer = (rows, key, update) => rows.update(key, update);
/** Something happens to the row just before the write arrives. */
const after =
  (happens: (rows: FakeLeaseRows, key: string) => unknown): Answer =>
  (rows, key, update) => {
    happens(rows, key);
    return rows.update(key, update);
  };
/** The write is made and its reply lost; something happens to the row before it is read again. */
const unanswered =
  (happens: (rows: FakeLeaseRows, key: string) => unknown = () => undefined): Answer =>
  (rows, key, update) => {
    expect(rows.update(key, update)).to.equal(true);
    happens(rows, key);
    return false;
  };

/** The leases of `w1` in a table that answers at once. */
function leasesIn(rows: FakeLeaseRows, scheduler: SchedulerLike) {
  const next = { answer: answered };
  const port = {
    get: (key: string) => defer(() => of(rows.get(key))),
    update: (key: string, update: LeaseUpdate) =>
      defer(() => {
        const { answer } = next;
        next.answer = answered;
        return of(answer(rows, key, update));
      }),
  } as unknown as LeasePort;
  const held = new HeldLeases(port, { workerId: 'w1', fenceMs: 1_000, scheduler, onLost: () => undefined });
  const take = (key: string): HeldLease | undefined => {
    let lease: HeldLease | undefined;
    held.take(rows.get(key)!, 'flights').subscribe((taken) => (lease = taken));
    return lease;
  };
  return { next, held, take };
}

describe('HeldLeases, after a refused take', () => {
  const asked = { ...row, leaseOwner: 'w1', checkpointOwner: 'w2', gracefulOwner: 'w2' };
  const java = { ...row, leaseOwner: 'java', checkpointOwner: 'w1', gracefulOwner: 'w1' };
  for (const [name, before, answer, isHeld] of [
    [
      'hold no lease that they asked for and whose holder has just renewed it',
      asked,
      after((rows) => rows.update(first, renewUpdate(3, 'w2', true))),
      false,
    ],
    [
      'hold no lease that was handed over just then: it needs their own name',
      asked,
      after((rows) => rows.update(first, handOverUpdate(3, 'w2', 'w1'))),
      false,
    ],
    [
      'hold no lease that a worker of KCL 2 took from them during a hand-over, and has just renewed',
      java,
      after((rows) => rows.put({ ...java, leaseCounter: 4 })),
      false,
    ],
    ['hold the lease if it was made, and only the reply was lost', asked, unanswered(), true],
  ] as const)
    it(
      name,
      marbles(({ scheduler }) => {
        const rows = new FakeLeaseRows();
        rows.put(before);
        const { next, take, held } = leasesIn(rows, scheduler);
        next.answer = answer;
        expect(take(first) !== undefined).to.equal(isHeld);
        expect(held.open.size).to.equal(isHeld ? 1 : 0);
      }),
    );
});

describe('HeldLeases, after a refused write', () => {
  /** A table whose row is gone once `w1` has taken the lease; each request takes 2 ms. */
  const goneTable = (asked: string[]): LeasePort => {
    const answer = <T>(what: string, value: T): Observable<T> =>
      of(value).pipe(
        tap(() => asked.push(what)),
        delay(2),
      );
    let isTaken = false;
    return {
      get: () => answer('get', undefined),
      create: () => answer('create', true),
      update: () => {
        const done = !isTaken;
        isTaken = true;
        return answer('update', done);
      },
    } as unknown as LeasePort;
  };

  for (const [name, lostMs, requests] of [
    ['makes the row of a held lease again', undefined, ['update', 'update', 'get', 'create', 'update', 'get', 'create']],
    ['makes no row of a lease that was lost meanwhile: others may have ended its shard and cleaned it up', 3, ['update', 'update', 'get']],
  ] as const)
    it(
      name,
      marbles(({ scheduler, flush }) => {
        const asked: string[] = [];
        const held = new HeldLeases(goneTable(asked), { workerId: 'w1', fenceMs: 1_000, scheduler, onLost: () => undefined });
        let lease: HeldLease | undefined;
        const errors: unknown[] = [];
        held.take(row, 'flights').subscribe((taken) => {
          lease = taken;
          const checkpoint = { streamName: 'flights', shardId: row.leaseKey, sequenceNumber: '7', subSequenceNumber: 0 };
          held.checkpoint(lease!, checkpoint, []).subscribe({ error: (error: unknown) => errors.push(error) });
        });
        if (lostMs !== undefined) timer(lostMs).subscribe(() => lease!.lose('expired'));
        timer(100).subscribe(() => lease!.end());
        flush();
        expect(asked.slice(0, requests.length)).to.deep.equal(requests);
        if (lostMs === undefined) return;
        expect(asked).to.deep.equal(requests);
        expect(errors).to.have.length(1);
        expect(errors[0]).to.satisfy(isLeaseLost);
      }),
    );
});
