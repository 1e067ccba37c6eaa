import { expect } from 'chai';
import { concat, concatMap, map, NEVER, of, throwError, type Observable, type SchedulerLike } from 'rxjs';
import type { LeasableShard } from '../../lib/checkpoints/checkpoint-store.js';
import { boundedPort } from '../../lib/leases/boundedPort.js';
import type { LeaseRow } from '../../lib/leases/lease.js';
import { resolveLeaseConfig } from '../../lib/leases/lease-config.js';
import type { LeasePort, TableView } from '../../lib/leases/lease-port.js';
import { leaseStore } from '../../lib/leases/leaseStore.js';
import type { LeaseEvent } from '../../lib/monitoring/lease-events.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { InvalidValueError } from '../../lib/values/errors.js';
import { FleetTable } from '../support/fleet/fleet-table.js';
import { Machine } from '../support/fleet/machine.js';
import { leasable, leasables, script } from '../support/lease-fleet.js';
import { hashKeys, leaseRow } from '../support/lease-rows.js';
import { FAILOVER_MS, PulseFleet } from '../support/pulse-fleet.js';

const id = (number: number): string => leasable(number).shardId;

const malformed = () => new InvalidValueError('malformed');

/** Has looks and reads find that these rows cannot be read. */
const hiding =
  (bad: ReadonlySet<number>) =>
  ({ scan, get, peek }: LeasePort): Pick<LeasePort, 'get' | 'peek' | 'scan'> => {
    const isBad = (leaseKey: string): boolean => bad.has(Number(leaseKey.slice(-12)));
    const read = (leaseKey: string, row$: Observable<LeaseRow | undefined>): Observable<LeaseRow | undefined> =>
      row$.pipe(concatMap((row) => (row && isBad(leaseKey) ? throwError(malformed) : of(row))));
    return {
      get: (leaseKey) => read(leaseKey, get(leaseKey)),
      peek: (leaseKey) => read(leaseKey, peek(leaseKey)),
      scan: (isConsistent) =>
        scan(isConsistent).pipe(
          map((view): TableView => {
            const unreadable = view.leases
              .filter(({ leaseKey }) => isBad(leaseKey))
              .map(({ leaseKey }) => ({ leaseKey, error: malformed() }));
            return { ...view, leases: view.leases.filter(({ leaseKey }) => !isBad(leaseKey)), unreadable };
          }),
        ),
    };
  };

/** A worker that is alone with a table, and does not read what it is granted. */
function alone(scheduler: SchedulerLike, shards: readonly LeasableShard[], faults: (port: LeasePort) => Partial<LeasePort>) {
  const table = new FleetTable(scheduler, 2);
  const [news, events] = [[] as string[], [] as LeaseEvent[]];
  const note = { next: (event: LeaseEvent) => void events.push(event) };
  const resolved = resolveLeaseConfig({ workerId: 'w1', failoverTimeMs: FAILOVER_MS, scheduler, random: () => 0.5, events: note });
  const port = table.portOf('w1', new Machine(scheduler), { isCut: false, losesReply: () => false });
  const store = leaseStore(boundedPort({ ...port, ...faults(port) }, resolved), resolved);
  const subscription = store
    .leases(concat(of(shards), NEVER))
    .subscribe(({ type, shardId }) => news.push(`${scheduler.now()} ${type} ${Number(shardId.slice(-12))}`));
  return { table, news, events, store, subscription };
}

const kindsOf = (news: readonly string[]): string[] => news.map((text) => text.slice(text.indexOf(' ') + 1)).sort();
const timesOf = (news: readonly string[], what: string): number[] =>
  news.filter((text) => text.endsWith(` ${what}`)).map((text) => Number(text.split(' ')[0]));

describe('a row that cannot be read', () => {
  it(
    'is neither made nor taken, and the fleet does not look or ring more often',
    marbles(({ scheduler, flush }) => {
      const [whole, broken] = [new PulseFleet(scheduler, 16), new PulseFleet(scheduler, 16)];
      const bad = new Set<number>();
      const since = new Map<PulseFleet, PulseFleet['table']['counts']>();
      const made = (fleet: PulseFleet, what: 'create' | 'ring' | 'scan'): number => fleet.table.counts[what] - since.get(fleet)![what];
      const start = (fleet: PulseFleet): void =>
        Array.from({ length: 8 }, (_, i) => i).forEach((i) => fleet.start(`w${i}`, fleet === broken ? hiding(bad) : undefined));
      whole.run(() => undefined, 14_000, { 0: () => start(whole), 8_000: () => since.set(whole, { ...whole.table.counts }) });
      broken.run(flush, 14_000, {
        0: () => start(broken),
        3_000: () => {
          bad.add(15);
          broken.put(15, { leaseOwner: undefined, gracefulOwner: undefined, leaseCounter: 0 });
        },
        8_000: () => since.set(broken, { ...broken.table.counts }),
        13_900: () => {
          expect([made(broken, 'create'), made(broken, 'ring')]).to.deep.equal([0, 0]);
          expect(made(broken, 'scan')).to.be.within(1, made(whole, 'scan') * 1.2);
          expect(broken.row(15)).to.include({ leaseOwner: undefined, leaseCounter: 0 });
        },
      });
    }),
  );

  it(
    'is told once until it is mended, and then again',
    marbles(({ scheduler, flush }) => {
      const bad = new Set([0]);
      const { table, news, events, subscription } = alone(scheduler, [leasable(0), leasable(1)], hiding(bad));
      [0, 1].forEach((number) => table.rows.put(leaseRow(id(number))));
      const told = (): string[] => events.flatMap((event) => (event.type === 'leaseUnreadable' ? event.shardId : []));
      script(scheduler, {
        9_000: () => {
          expect(kindsOf(news)).to.deep.equal(['granted 1']);
          expect(told()).to.deep.equal([id(0)]);
          bad.delete(0);
        },
        18_000: () => {
          expect(kindsOf(news)).to.deep.equal(['granted 0', 'granted 1']);
          bad.add(0);
        },
        27_000: () => {
          expect(told()).to.deep.equal([id(0), id(0)]);
          subscription.unsubscribe();
        },
      });
      flush();
    }),
  );

  it(
    'covers no hash keys: that is told at the third look in a row',
    marbles(({ scheduler, flush }) => {
      const shards = leasables(3);
      const { table, events, subscription } = alone(scheduler, shards, hiding(new Set([2])));
      for (const { shardId, hashKeyRange } of shards) table.rows.put(leaseRow(shardId, { hashKeyRange: hashKeyRange! }));
      script(scheduler, { 400_000: () => subscription.unsubscribe() });
      flush();
      const holes = events.flatMap((event) => (event.type === 'hashKeysUncovered' ? event.holes : []));
      expect(holes).to.deep.equal([shards[2]!.hashKeyRange]);
    }),
  );

  it(
    'and is deleted is made anew like any other that is missing',
    marbles(({ scheduler, flush }) => {
      const bad = new Set([0]);
      const { table, news, subscription } = alone(scheduler, [leasable(0), leasable(1)], hiding(bad));
      [0, 1].forEach((number) => table.rows.put(leaseRow(id(number))));
      script(scheduler, {
        5_000: () => {
          table.rows.delete(id(0));
          bad.delete(0);
        },
        10_000: () => {
          expect(kindsOf(news)).to.deep.equal(['granted 0', 'granted 1']);
          subscription.unsubscribe();
        },
      });
      flush();
    }),
  );

  it(
    'of a closed shard says not that the shard is done, until it is mended',
    marbles(({ scheduler, flush }) => {
      const bad = new Set([0]);
      const shards = [
        leasable(0, { closed: true, hashKeyRange: hashKeys(0, 9) }),
        leasable(1, { parentShardIds: [id(0)], hashKeyRange: hashKeys(0, 9), isReady: false }),
      ];
      const { table, news, subscription } = alone(scheduler, shards, hiding(bad));
      table.rows.put(leaseRow(id(0), { at: 'SHARD_END' }));
      table.rows.put(leaseRow(id(1)));
      script(scheduler, {
        9_000: () => bad.delete(0),
        18_000: () => {
          expect(kindsOf(news)).to.deep.equal(['ended 0', 'granted 1']);
          expect(timesOf(news, 'ended 0')[0]).to.be.above(9_000);
          subscription.unsubscribe();
        },
      });
      flush();
    }),
  );

  it(
    'of the other parent of a merge lets the end of this one be written (regression: it waited until that row was mended)',
    marbles(({ scheduler, flush }) => {
      const shards = [
        leasable(0, { closed: true, hashKeyRange: hashKeys(0, 4) }),
        leasable(1, { closed: true, hashKeyRange: hashKeys(5, 9) }),
        leasable(2, { parentShardIds: [id(0), id(1)], hashKeyRange: hashKeys(0, 9), isReady: false }),
      ];
      const { table, news, store, subscription } = alone(scheduler, shards, hiding(new Set([1])));
      table.rows.put(leaseRow(id(0)));
      table.rows.put(leaseRow(id(1), { at: '7' }));
      const errors: unknown[] = [];
      const end = { streamName: 'flights', shardId: id(0), sequenceNumber: 'SHARD_END', subSequenceNumber: 0 };
      script(scheduler, {
        9_000: () => store.write(end, shards[0]!).subscribe({ error: (error: unknown) => errors.push(error) }),
        18_000: () => subscription.unsubscribe(),
      });
      flush();
      expect(errors).to.deep.equal([]);
      expect(table.rows.all().map(({ checkpoint }) => checkpoint.sequenceNumber)).to.deep.equal(['SHARD_END', '7', 'TRIM_HORIZON']);
      expect(table.rows.get(id(0))!.childShardIds).to.deep.equal([id(2)]);
      // The stream still keeps the child waiting: the other parent is not told to be done.
      expect(kindsOf(news)).to.deep.equal(['granted 0', 'granted 2']);
    }),
  );

  it(
    'of a parent keeps the rows of its children',
    marbles(({ scheduler, flush }) => {
      const bad = new Set([0]);
      const { table, subscription } = alone(scheduler, [leasable(2)], hiding(bad));
      table.rows.put(leaseRow(id(0), { at: 'SHARD_END', childShardIds: [id(1)] }));
      table.rows.put(leaseRow(id(1), { at: 'SHARD_END', parentShardIds: [id(0)], childShardIds: [id(2)] }));
      table.rows.put(leaseRow(id(2), { at: '5', parentShardIds: [id(1)] }));
      const keys = (): number[] => table.rows.all().map(({ leaseKey }) => Number(leaseKey.slice(-12)));
      script(scheduler, {
        9_000: () => {
          expect(keys()).to.deep.equal([0, 1, 2]);
          bad.delete(0);
        },
        18_000: () => {
          expect(keys()).to.deep.equal([2]);
          subscription.unsubscribe();
        },
      });
      flush();
    }),
  );
});

describe('a row that a look has not shown', () => {
  it(
    'and that looks do not show is read when a worker wants to make it, and taken as it is',
    marbles(({ scheduler, flush }) => {
      const shownMs = 3_000;
      const { table, news, subscription } = alone(scheduler, [leasable(0)], ({ scan }) => ({
        scan: (isConsistent) => scan(isConsistent).pipe(map((view) => (scheduler.now() < shownMs ? { ...view, leases: [] } : view))),
      }));
      table.rows.put(leaseRow(id(0), { at: '5' }));
      script(scheduler, {
        6_000: () => {
          expect(timesOf(news, 'granted 0')[0]).to.be.below(shownMs);
          expect(table.rows.get(id(0))!.checkpoint.sequenceNumber).to.equal('5');
          subscription.unsubscribe();
        },
      });
      flush();
    }),
  );
});
