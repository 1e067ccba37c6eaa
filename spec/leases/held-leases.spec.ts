import { expect } from 'chai';
import { defer, delay, of, tap, timer, type Observable, type SchedulerLike } from 'rxjs';
import { isLeaseLost } from '../../lib/checkpoints/errors.js';
import { HeldLeases } from '../../lib/leases/held-leases.js';
import type { HeldLease } from '../../lib/leases/held-lease.js';
import type { LeaseRow } from '../../lib/leases/lease.js';
import type { LeasePort } from '../../lib/leases/lease-port.js';
import {
  askUpdate,
  handOverUpdate,
  keepCondition,
  renewUpdate,
  takeUpdate,
  withdrawUpdate,
  type LeaseUpdate,
} from '../../lib/leases/lease-updates.js';
import { FakeLeaseRows } from '../../lib/testing/leases/fake-lease-rows.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

const row: LeaseRow = {
  ...{ leaseKey: 'shardId-000000000000', leaseCounter: 3, parentShardIds: [], childShardIds: [] },
  checkpoint: { sequenceNumber: '5', subSequenceNumber: 0 },
};

const first = row.leaseKey;
const second = 'shardId-000000000001';

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
  const held = new HeldLeases(port, { workerId: 'w1', processId: 'p1', fenceMs: 1_000, scheduler, onLost: () => undefined });
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
      after((rows) => rows.update(first, renewUpdate(keepCondition(3, 'w2', true)))),
      false,
    ],
    [
      'hold no lease that was handed over just then: it needs their own name',
      asked,
      after((rows) => rows.update(first, handOverUpdate(3, 'w2', 'w1'))),
      false,
    ],
    [
      'hold no lease that another process of their name has taken just then',
      row,
      after((rows) => rows.update(first, takeUpdate(row, 'w1', 'p2'))),
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

describe('HeldLeases, when a write of a lease is refused that was asked for', () => {
  const asks = (by: string) => (rows: FakeLeaseRows, key: string) => rows.update(key, askUpdate({ leaseOwner: 'w1' }, by));
  /** As KCL 2 does, which does not know `checkpointOwner`. */
  const takes = (rows: FakeLeaseRows, key: string) => {
    const taken = rows.get(key)!;
    rows.put({ ...taken, leaseOwner: 'java', leaseCounter: taken.leaseCounter + 1 });
  };
  const asksAndTakes = (rows: FakeLeaseRows, key: string) => {
    asks('w2')(rows, key);
    takes(rows, key);
  };
  const changes = (rows: FakeLeaseRows, key: string) => {
    rows.update(key, withdrawUpdate('w2', 'w1'));
    asks('w3')(rows, key);
  };
  const withdraws = (rows: FakeLeaseRows, key: string) => rows.update(key, withdrawUpdate('w2', 'w1'));

  // The pulse is in the first row, so a renewal of the second one leaves nothing in it but the counter.
  for (const [name, key, write, isKnown, answer, nextOwner] of [
    ['lose it to a worker of KCL 2 that took it', second, 'renew', true, after(takes), 'lost'],
    ['lose it so when they do not know yet that it was asked for', second, 'renew', false, after(asksAndTakes), 'lost'],
    ['lose it so in the row that has the pulse', first, 'renew', false, after(asksAndTakes), 'lost'],
    ['lose it so by a checkpoint, which is not stored', second, 'checkpoint', true, after(takes), 'lost'],
    ['keep it when it was only asked for', second, 'renew', false, after(asks('w2')), 'w2'],
    ['learn of the request by a checkpoint, which is stored', second, 'checkpoint', false, after(asks('w2')), 'w2'],
    ['store a checkpoint during a hand-over', second, 'checkpoint', true, answered, 'w2'],
    ['store a checkpoint also when the request was withdrawn', second, 'checkpoint', true, after(withdraws), undefined],
    ['keep it when the request was withdrawn', second, 'renew', true, after(withdraws), undefined],
    ['keep it when the write was made', second, 'renew', true, unanswered(), 'w2'],
    ['keep it when the write was made and the request withdrawn', second, 'renew', true, unanswered(withdraws), undefined],
    ['keep it when the write was made and is a pulse, whoever asks then', first, 'renew', true, unanswered(changes), 'w3'],
    ['keep it when the write was made and is a checkpoint, whoever asks then', second, 'checkpoint', true, unanswered(changes), 'w3'],
  ] as const)
    it(
      name,
      marbles(({ scheduler }) => {
        const rows = new FakeLeaseRows();
        rows.put(row);
        rows.put({ ...row, leaseKey: second });
        const { next, take, held } = leasesIn(rows, scheduler);
        take(first);
        take(second);
        const lease = held.get(key)!;
        if (isKnown) asks('w2')(rows, key);
        lease.see(rows.get(key)!);
        next.answer = answer;
        const checkpoint = { streamName: 'flights', shardId: key, sequenceNumber: '7', subSequenceNumber: 0 };
        const errors: unknown[] = [];
        const request: Observable<unknown> = write === 'renew' ? held.renew(lease) : held.checkpoint(lease, checkpoint, []);
        request.subscribe({ error: (error: unknown) => errors.push(error) });
        const isLost = nextOwner === 'lost';
        expect(lease.isOpen).to.equal(!isLost);
        if (!isLost) expect(lease.nextOwner).to.equal(nextOwner);
        expect(errors.length).to.equal(isLost && write === 'checkpoint' ? 1 : 0);
        const { leaseCounter, checkpoint: stored } = rows.get(key)!;
        // The take made it 4, and one write followed.
        expect(leaseCounter).to.equal(5);
        expect(stored.sequenceNumber).to.equal(write === 'checkpoint' && !isLost ? '7' : '5');
      }),
    );

  it(
    'write soon when a look shows that a worker of KCL 2 took it: only the refusal proves that it is lost',
    marbles(({ scheduler }) => {
      const rows = new FakeLeaseRows();
      rows.put(row);
      const lease = leasesIn(rows, scheduler).take(first)!;
      asks('w2')(rows, first);
      lease.see(rows.get(first)!);
      expect(lease.idleTicks).to.equal(0);
      takes(rows, first);
      lease.see(rows.get(first)!);
      expect(lease.idleTicks).to.equal(Infinity);
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
        const held = new HeldLeases(goneTable(asked), {
          workerId: 'w1',
          processId: 'p1',
          fenceMs: 1_000,
          scheduler,
          onLost: () => undefined,
        });
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
