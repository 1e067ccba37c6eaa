import { expect } from 'chai';
import { defer, EMPTY, NEVER, of, type Observable } from 'rxjs';
import { isCheckpointError } from '../../lib/checkpoints/errors.js';
import { Leases } from '../../lib/dynamodb/leases.js';
import type { LeaseRequests } from '../../lib/dynamodb/lease-requests.js';
import type { Item } from '../../lib/dynamodb/lease-row.js';
import { checkpointOf, shardNamed } from '../support/checkpoint-store-contract.js';

const CONFIG = { tableName: 'leases', workerId: 'w1', initialPosition: 'TRIM_HORIZON' } as const;
const ROW: Item = { leaseKey: { S: 'shardId-000000000000' }, leaseCounter: { N: '7' }, checkpoint: { S: '10' } };

/** Requests that answer at once, and the calls that they got. */
function answering(answers: Partial<LeaseRequests>) {
  const calls: string[] = [];
  const requests = Object.fromEntries(
    (['describeTable', 'createTable', 'getRow', 'createRow', 'updateRow'] as const).map((name) => [
      name,
      (...args: never[]) =>
        defer((): Observable<unknown> => {
          calls.push(name);
          return (answers[name] as ((...args: never[]) => Observable<unknown>) | undefined)?.(...args) ?? EMPTY;
        }),
    ]),
  ) as unknown as LeaseRequests;
  return { leases: new Leases(requests, CONFIG), calls };
}

/** What an Observable does at once. */
function seen(source: Observable<unknown>): unknown[] {
  const notifications: unknown[] = [];
  source.subscribe({
    next: (value) => notifications.push(value),
    error: (error: unknown) => notifications.push(error),
    complete: () => notifications.push('complete'),
  });
  return notifications;
}

describe('Leases', () => {
  const shard = shardNamed();

  describe('taking', () => {
    it('reads the row again when another worker changed it', () => {
      const outcomes = [false, false, true];
      const { leases, calls } = answering({ getRow: () => of(ROW), updateRow: () => of(outcomes.shift() ?? true) });

      const [lease] = seen(leases.take(shard));

      expect(lease).to.include({ fencingToken: '8' });
      expect(calls).to.deep.equal(['getRow', 'updateRow', 'getRow', 'updateRow', 'getRow', 'updateRow']);
    });

    it('reads the row that another worker made first', () => {
      const rows = [undefined, ROW];
      const { leases, calls } = answering({ getRow: () => of(rows.shift()), createRow: () => of(false), updateRow: () => of(true) });

      const [lease] = seen(leases.take(shard));

      expect(lease).to.include({ fencingToken: '8' });
      expect(calls).to.deep.equal(['getRow', 'createRow', 'getRow', 'updateRow']);
    });

    it('gives up, retriable, when others keep changing the row', () => {
      const { leases, calls } = answering({ getRow: () => of(ROW), updateRow: () => of(false) });

      const [error] = seen(leases.take(shard));

      expect(error).to.satisfy(isCheckpointError);
      expect(error).to.include({ retriable: true, streamName: 'flights', shardId: shard.shardId });
      expect(calls).to.have.length(10);
    });

    it('makes no request before it is subscribed', () => {
      const { leases, calls } = answering({});
      const made = [leases.take(shard), leases.read(shard), leases.write(checkpointOf(shard, '20'), shard), leases.release(shard)];
      expect(made).to.have.length(4);
      expect(calls).to.deep.equal([]);
    });
  });

  describe('a write that is unsubscribed', () => {
    it('may have been made: the next one finds it in the row', () => {
      let stored = ROW;
      let replies = true;
      const { leases } = answering({
        getRow: () => of(stored),
        updateRow: (_shardId, { ExpressionAttributeValues: values }) => {
          if (values[':read']?.N !== stored.leaseCounter?.N) return of(false);
          stored = {
            ...stored,
            leaseOwner: { S: 'w1' },
            leaseCounter: values[':next']!,
            checkpoint: values[':checkpoint'] ?? stored.checkpoint!,
          };
          return replies ? of(true) : NEVER;
        },
      });
      seen(leases.take(shard));

      replies = false;
      leases.write(checkpointOf(shard, '20'), shard).subscribe().unsubscribe();
      replies = true;

      expect(seen(leases.write(checkpointOf(shard, '30'), shard))).to.deep.equal([undefined, 'complete']);
      expect(stored).to.deep.include({ leaseCounter: { N: '10' }, checkpoint: { S: '30' } });
    });
  });

  it('closes the tenure before it tells of the loss, and tells of it before the write fails', () => {
    const outcomes = [true, false];
    const { leases, calls } = answering({
      getRow: () => of({ ...ROW, leaseOwner: { S: 'w2' } }),
      updateRow: () => of(outcomes.shift() ?? true),
    });
    const order: unknown[] = [];
    leases.take(shard).subscribe(({ lost$ }) => {
      (lost$ as Observable<unknown>).subscribe(() => {
        const before = calls.length;
        leases
          .write(checkpointOf(shard, '30'), shard)
          .subscribe({ error: () => order.push(`inner write fails after ${calls.length - before} requests`) });
      });
    });

    leases.write(checkpointOf(shard, '20'), shard).subscribe({ error: () => order.push('write fails') });

    expect(order).to.deep.equal(['inner write fails after 0 requests', 'write fails']);
  });
});
