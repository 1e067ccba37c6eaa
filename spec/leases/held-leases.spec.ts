import { expect } from 'chai';
import { delay, of, tap, timer, type Observable } from 'rxjs';
import { isLeaseLost } from '../../lib/checkpoints/errors.js';
import { HeldLeases } from '../../lib/leases/held-leases.js';
import type { HeldLease } from '../../lib/leases/held-lease.js';
import type { LeaseRow } from '../../lib/leases/lease.js';
import type { LeasePort } from '../../lib/leases/lease-port.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';

const row: LeaseRow = {
  ...{ leaseKey: 'shardId-000000000000', leaseCounter: 3, parentShardIds: [], childShardIds: [] },
  checkpoint: { sequenceNumber: '5', subSequenceNumber: 0 },
};

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
