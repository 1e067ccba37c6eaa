import { expect } from 'chai';
import { asapScheduler, concatMap, defer, map, NEVER, timer, type Observable, type SchedulerLike } from 'rxjs';
import type { HeldLease } from '../../lib/leases/held-lease.js';
import { HeldLeases } from '../../lib/leases/held-leases.js';
import type { LeasePort } from '../../lib/leases/lease-port.js';
import { Pulse } from '../../lib/leases/pulse.js';
import { FakeLeaseRows } from '../../lib/testing/leases/fake-lease-rows.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { leaseRow } from '../support/lease-rows.js';

const FENCE_MS = 900;

/** A worker's leases in a table that takes 2 ms to be reached and 2 ms to answer. */
class Bench {
  readonly rows = new FakeLeaseRows();
  readonly held: HeldLeases;
  readonly lost: string[] = [];
  reply: 'lost' | number = 2;

  constructor(scheduler: SchedulerLike) {
    const ask = <T>(work: () => T): Observable<T> =>
      defer(() => {
        const { reply } = this;
        return timer(2, scheduler).pipe(
          map(work),
          concatMap((result) => (reply === 'lost' ? NEVER : timer(reply, scheduler).pipe(map(() => result)))),
        );
      });
    const port: Partial<LeasePort> = {
      get: (key) => ask(() => this.rows.get(key)),
      update: (key, update) => ask(() => this.rows.update(key, update)),
      create: (lease) => ask(() => this.rows.create(lease)),
    };
    this.held = new HeldLeases(port as LeasePort, {
      ...{ workerId: 'w1', processId: 'p1', fenceMs: FENCE_MS, scheduler },
      onLost: ({ shardId }, reason) => this.lost.push(`${scheduler.now()} ${shardId} ${reason}`),
    });
    for (const key of ['1', '2', '3']) this.rows.put(leaseRow(key));
  }
}

describe('Pulse', () => {
  /** Runs the steps, each at its time, and gives the time of the last thing that happened. */
  const course = (steps: (bench: Bench) => Readonly<Record<number, () => void>>, check: (bench: Bench, endMs: number) => void) =>
    marbles(({ scheduler, flush }) => {
      const bench = new Bench(scheduler);
      for (const [atMs, step] of Object.entries(steps(bench))) timer(Number(atMs), scheduler).subscribe(step);
      flush();
      check(bench, scheduler.now());
    });
  const take = ({ held, rows }: Bench, key: string, taken: (lease: HeldLease | undefined) => void = () => undefined) =>
    held.take(rows.get(key)!, 'flights').subscribe(taken);
  const renew = ({ held }: Bench, key: string) => held.renew(held.get(key)!).subscribe({ error: () => undefined });
  const beats = ({ rows }: Bench): string[] =>
    rows.all().flatMap(({ leaseKey, pulse, leaseCounter }) => (pulse !== undefined && pulse === leaseCounter ? [leaseKey] : []));
  const endAll = ({ held }: Bench) => held.open.forEach((lease) => lease.end());

  it(
    'comes with the first lease, and goes to the row with the lowest key at its next renewal',
    course(
      (bench) => ({
        0: () => take(bench, '2'),
        10: () => take(bench, '3'),
        20: () => take(bench, '1'),
        30: () => expect(beats(bench)).to.deep.equal(['2']),
        40: () => ['3', '2', '1'].forEach((key) => renew(bench, key)),
        50: () => ['3', '2', '1'].forEach((key) => renew(bench, key)),
        60: () => {
          expect(beats(bench)).to.deep.equal(['1']);
          endAll(bench);
        },
      }),
      // No timer is left: a worker that stops does not wait for one.
      (_, endMs) => expect(endMs).to.equal(60),
    ),
  );

  it(
    'ends all leases when its time is over, also those that were renewed since',
    course(
      (bench) => ({
        0: () => ['1', '2', '3'].forEach((key) => take(bench, key)),
        300: () => renew(bench, '1'),
        800: () => renew(bench, '2'),
        901: () => expect(bench.lost).to.deep.equal(['900 3 expired']),
      }),
      ({ lost }, endMs) => {
        expect(lost).to.deep.equal(['900 3 expired', '1200 1 expired', '1200 2 expired']);
        expect(endMs).to.equal(1_200);
      },
    ),
  );

  it(
    'is kept by the row that had it last, after that was given up, until another one has it',
    course(
      (bench) => ({
        0: () => ['1', '2', '3'].forEach((key) => take(bench, key)),
        300: () => renew(bench, '1'),
        350: () => ['2', '3'].forEach((key) => renew(bench, key)),
        400: () => bench.held.release(bench.held.get('1')!).subscribe(),
        500: () => expect(bench.held.get('2')!.idleTicks, 'this one is to be written soon').to.equal(Infinity),
        600: () => (bench.reply = 'lost'),
        601: () => ['2', '3'].forEach((key) => renew(bench, key)),
      }),
      ({ lost }) => expect(lost).to.deep.equal(['1200 2 expired', '1200 3 expired']),
    ),
  );

  it(
    'counts from when the write was sent whose reply was lost',
    course(
      (bench) => ({
        0: () => ['1', '2'].forEach((key) => take(bench, key)),
        300: () => (bench.reply = 'lost'),
        301: () => ['1', '2'].forEach((key) => renew(bench, key)),
        500: () => (bench.reply = 2),
        501: () => renew(bench, '1'),
        800: () => renew(bench, '2'),
      }),
      ({ lost }) => expect(lost).to.deep.equal(['1201 1 expired', '1201 2 expired']),
    ),
  );

  it(
    'is in a row that is made again after somebody deleted it',
    course(
      (bench) => ({
        0: () => take(bench, '1'),
        100: () => bench.rows.delete('1'),
        101: () => renew(bench, '1'),
        150: () => {
          expect(beats(bench)).to.deep.equal(['1']);
          endAll(bench);
        },
      }),
      ({ lost }) => expect(lost).to.deep.equal([]),
    ),
  );

  it(
    'that was over while a lease was being taken is not that of the lease: it is taken again',
    course(
      (bench) => ({
        0: () => take(bench, '2'),
        800: () => (bench.reply = 200),
        801: () => take(bench, '3', (lease) => bench.lost.push(`3 is ${lease ? 'held' : 'not held'}`)),
        // The worker begins again meanwhile.
        900: () => (bench.reply = 2),
        901: () => take(bench, '2'),
        1_010: () => take(bench, '3', (lease) => bench.lost.push(`3 is ${lease ? 'held' : 'not held'}`)),
        1_020: () => endAll(bench),
      }),
      ({ lost }) => expect(lost).to.deep.equal(['900 2 expired', '3 is not held', '3 is held']),
    ),
  );

  it(
    'that is answered too late, or out of turn, is none',
    course(
      (bench) => ({
        0: () => ['1', '2'].forEach((key) => take(bench, key)),
        300: () => (bench.reply = 950),
        301: () => renew(bench, '1'),
        302: () => (bench.reply = 2),
      }),
      ({ lost }) => expect(lost).to.deep.equal(['900 1 expired', '900 2 expired']),
    ),
  );

  it(
    'that is late goes to another row, whose own write under way does not count for it',
    course(
      (bench) => ({
        0: () => ['1', '2'].forEach((key) => take(bench, key)),
        // The renewals of both take long, and that of the first row is refused, since somebody asks for its lease.
        300: () => {
          bench.rows.put({ ...bench.rows.get('1')!, leaseOwner: 'w2', checkpointOwner: 'w1' });
          bench.reply = 250;
          ['1', '2'].forEach((key) => renew(bench, key));
          bench.held.tick(6);
        },
        301: () => expect(bench.held.get('2')!.idleTicks).to.equal(Infinity),
        560: () => expect(bench.held.get('2')!.idleTicks, 'it is still to be written').to.equal(Infinity),
        561: () => {
          bench.reply = 2;
          renew(bench, '2');
        },
        600: () => {
          expect(beats(bench)).to.include('2');
          expect(bench.held.get('2')!.idleTicks).to.equal(0);
          endAll(bench);
        },
      }),
      ({ lost }) => expect(lost).to.deep.equal([]),
    ),
  );

  it('costs a worker that loses many leases no look at all of them for each', () => {
    const pulse = new Pulse({ fenceMs: FENCE_MS, scheduler: asapScheduler });
    let reads = 0;
    const many = Array.from({ length: 2_000 }, (_, i) => ({
      isOpen: true,
      idleTicks: 0,
      failures: 0,
      lose: () => undefined,
      get shardId() {
        reads += 1;
        return String(i);
      },
    }));
    many.forEach((lease) => pulse.join(lease));
    pulse.beat(many[0]!, pulse.attempt(many[0]));
    many.forEach((lease) => pulse.leave(lease));
    expect(pulse.leases.size).to.equal(0);
    expect(reads).to.be.below(many.length * 5);
  });
});
