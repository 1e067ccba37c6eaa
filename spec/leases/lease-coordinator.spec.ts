import { expect } from 'chai';
import { Subject, take, takeUntil, timer } from 'rxjs';
import type { LeasableShard } from '../../lib/checkpoints/checkpoint-store.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import type { LeaseStatus } from '../../lib/leases/lease-status.js';
import type { FakeLeases } from '../../lib/testing/leases/fakeLeases.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fleetOf, holdings, leasable, leasables, type FleetWorker } from '../support/lease-fleet.js';

const countsOf = (...workers: readonly FleetWorker[]): number[] => Object.values(holdings(...workers)).map((held) => held.length);
const newsOf = (worker: FleetWorker, kind: string): string[] => worker.news.filter((text) => text.split(' ')[1] === kind);
const timeOf = (text: string | undefined): number => Number(text?.split(' ')[0] ?? NaN);
const eventsOf = (worker: FleetWorker, type: string) => worker.events.filter((event) => event.type === type);
const wordOf = (table: FakeLeases, shard: number) => table.row(shard)?.checkpoint.sequenceNumber;

describe('the leases of a fleet', () => {
  it(
    'are all taken by a worker that is alone, at once',
    marbles((helpers) => {
      const { start, run, table } = fleetOf(helpers, leasables(8));
      const worker = start('w1');
      run(500, { 200: () => expect(countsOf(worker)).to.deep.equal([8]) });
      expect(table.rows().map(({ leaseOwner }) => leaseOwner)).to.deep.equal(Array<string>(8).fill('w1'));
      expect(
        newsOf(worker, 'granted')
          .map(timeOf)
          .every((at) => at < 100),
      ).to.equal(true);
    }),
  );

  it(
    'are shared fairly by workers that start together, and come to rest',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(8));
      let writes = 0;
      const moves = () => table.log.filter((line) => line.includes('update')).length;
      run(6_000, {
        0: () => ['w1', 'w2', 'w3'].forEach((id) => start(id)),
        1_000: () => expect([...countsOf(...workers)].sort()).to.deep.equal([2, 3, 3]),
        2_000: () => (writes = moves()),
        5_000: () => {
          expect([...countsOf(...workers)].sort()).to.deep.equal([2, 3, 3]);
          // Nothing but renewals: each lease three times in a failover time.
          expect(moves() - writes).to.be.within(8 * 8, 8 * 10);
        },
      });
    }),
  );

  it(
    'are made by a few of the workers that start together at an empty table, and not by each',
    marbles((helpers) => {
      const { start, run, table } = fleetOf(helpers, leasables(400));
      run(2_000, { 0: () => Array.from({ length: 30 }, (_, index) => start(`w${index}`)) });
      expect(table.rows()).to.have.length(400);
      expect(table.log.filter((line) => line.includes('create')).length).to.be.below(400 * 6);
    }),
  );

  it(
    'of a worker that is gone are taken soon after the failover time, and never before it',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, leasables(8));
      run(6_000, {
        0: () => ['w1', 'w2'].forEach((id) => start(id)),
        2_000: () => workers[0]!.crash(),
        4_000: () => expect(countsOf(workers[1]!)).to.deep.equal([8]),
      });
      const taken = newsOf(workers[1]!, 'granted')
        .map(timeOf)
        .filter((at) => at > 2_000);
      expect(taken).to.have.length(4);
      // The last renewal was up to a third of the failover time before, and a look comes each twentieth.
      expect(Math.min(...taken)).to.be.above(2_000 + 1_000 - 1_000 / 3);
      expect(Math.max(...taken)).to.be.below(2_000 + 1_000 + 200);
      expect(eventsOf(workers[1]!, 'leaseTaken').at(-1)).to.include({ from: 'expired', formerOwner: 'w1' });
    }),
  );

  it(
    'of a worker that stops are taken at once, and it completes when all are released',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, leasables(8));
      run(4_000, {
        0: () => ['w1', 'w2'].forEach((id) => start(id, { drainMs: 20 })),
        2_000: () => workers[0]!.stop(),
        2_150: () => expect(holdings(...workers)).to.deep.equal({ w1: [], w2: [0, 1, 2, 3, 4, 5, 6, 7] }),
      });
      expect(timeOf(newsOf(workers[0]!, 'complete')[0])).to.be.within(2_020, 2_040);
      expect(newsOf(workers[0]!, 'lost')).to.deep.equal([]);
    }),
  );

  for (const others of [['w2'], ['w2', 'w3', 'w4']])
    it(
      `of a worker that stops are taken at once, by ${others.join(', ')}, while it still drains another`,
      marbles((helpers) => {
        const { start, run, workers } = fleetOf(helpers, leasables(12));
        const lastShard = () => [...workers[0]!.held.keys()].at(-1);
        let last: number | undefined;
        run(6_000, {
          0: () => start('w1', { drainMs: (shard) => (shard === last ? 3_000 : 20) }),
          200: () => others.forEach((id) => start(id)),
          2_000: () => {
            last = lastShard();
            workers[0]!.stop();
          },
          2_200: () => {
            expect(holdings(workers[0]!)).to.deep.equal({ w1: [last] });
            expect(countsOf(...workers).reduce((sum, count) => sum + count)).to.equal(12);
            expect(Math.max(...countsOf(...workers))).to.be.at.most(12 / others.length);
          },
          5_500: () => expect(countsOf(...workers.slice(1))).to.deep.equal(others.map(() => 12 / others.length)),
        });
        // Nobody asks another for what it then takes back.
        expect(workers.flatMap((worker) => eventsOf(worker, 'leaseRequested')).filter(({ at }) => at > 2_000)).to.deep.equal([]);
      }),
    );

  it(
    'are renewed until they are released, however long that takes after the last shards',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(2));
      run(8_000, {
        0: () => start('w1', { drainMs: 4_000 }),
        1_000: () => workers[0]!.stop(),
        1_100: () => start('w2'),
        4_900: () => expect(holdings(...workers)).to.deep.equal({ w1: [0, 1], w2: [] }),
        5_200: () => expect(holdings(...workers)).to.deep.equal({ w1: [], w2: [0, 1] }),
      });
      expect(table.row(0)).to.include({ leaseOwner: 'w2' });
    }),
  );

  it(
    'go to a worker that joins by hand-over: the former owner has finished before the next begins',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, leasables(8));
      run(4_000, {
        0: () => start('w1', { drainMs: 200 }),
        1_000: () => start('w2'),
        1_150: () => expect(countsOf(...workers)).to.deep.equal([8, 0]),
        1_500: () => expect(countsOf(...workers)).to.deep.equal([4, 4]),
      });
      expect(newsOf(workers[0]!, 'lost')).to.deep.equal([]);
      expect(eventsOf(workers[0]!, 'leaseAsked')).to.have.length(4);
      expect(eventsOf(workers[0]!, 'leaseReleased').map((event) => 'nextOwner' in event && event.nextOwner)).to.deep.equal(
        Array(4).fill('w2'),
      );
      expect(eventsOf(workers[1]!, 'leaseRequested')).to.have.length(4);
      expect(eventsOf(workers[1]!, 'leaseTaken').map((event) => 'from' in event && event.from)).to.deep.equal(Array(4).fill('handedOver'));
    }),
  );

  for (const stopMs of [1_052, 1_100, 1_199, 1_200, 1_201, 1_250, 1_400])
    it(
      `that a worker asked for, and does not want any more since it stops, are not handed over to nobody (${stopMs} ms)`,
      marbles((helpers) => {
        const { start, run, workers, table } = fleetOf(helpers, leasables(8));
        run(4_000, {
          0: () => start('w1', { drainMs: 200 }),
          1_000: () => start('w2', { drainMs: 10 }),
          [stopMs]: () => workers[1]!.stop(),
          2_000: () => expect(holdings(...workers)).to.deep.equal({ w1: [0, 1, 2, 3, 4, 5, 6, 7], w2: [] }),
        });
        expect(eventsOf(workers[0]!, 'leaseAsked')).to.have.length(4);
        expect(newsOf(workers[1]!, 'complete')).to.have.length(1);
        expect(table.rows().map(({ leaseOwner, checkpointOwner }) => [leaseOwner, checkpointOwner])).to.deep.equal(
          Array(8).fill(['w1', undefined]),
        );
      }),
    );

  it(
    'are handed over to nobody by workers that stop together',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(8));
      run(4_000, {
        0: () => start('w1', { drainMs: 200 }),
        1_000: () => start('w2', { drainMs: 10 }),
        1_100: () => workers.forEach((worker) => worker.stop()),
        2_000: () => expect(table.rows().map(({ leaseOwner }) => leaseOwner)).to.deep.equal(Array(8).fill(undefined)),
      });
    }),
  );

  it(
    'are lost by an owner that does not hand them over in time',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, leasables(2));
      run(5_000, {
        0: () => start('w1', { answers: false, handOverTimeoutMs: 500 }),
        1_000: () => start('w2', { handOverTimeoutMs: 2_000 }),
        1_450: () => expect(countsOf(...workers)).to.deep.equal([2, 0]),
        2_000: () => expect(countsOf(...workers)).to.deep.equal([1, 1]),
      });
      expect(eventsOf(workers[0]!, 'leaseLost').map((event) => 'reason' in event && event.reason)).to.deep.equal(['handOverTimeout']);
    }),
  );

  it(
    'are taken from an owner that cannot be asked, one in two failover times, down to its share',
    marbles((helpers) => {
      const { start, run, table, workers } = fleetOf(helpers, leasables(4));
      let counter = 0;
      // A KCL 2.x worker: renews by the counter alone, and its rows do not say that it hands over.
      const renew = () => {
        counter += 1;
        for (let shard = 0; shard < 4; shard++) {
          if (table.row(shard)?.leaseOwner === 'java') table.put(shard, { leaseCounter: 100 + counter });
        }
      };
      for (let shard = 0; shard < 4; shard++)
        table.put(shard, { leaseOwner: 'java', leaseCounter: 100, hashKeyRange: leasables(4)[shard]!.hashKeyRange });
      run(8_000, {
        0: () => start('w1'),
        ...Object.fromEntries(Array.from({ length: 40 }, (_, index) => [(index + 1) * 199, renew])),
        1_000: () => expect(countsOf(workers[0]!)).to.deep.equal([1]),
        4_000: () => expect(countsOf(workers[0]!)).to.deep.equal([2]),
        7_900: () => expect(countsOf(workers[0]!)).to.deep.equal([2]),
      });
      expect(eventsOf(workers[0]!, 'leaseTaken').map((event) => 'from' in event && event.from)).to.deep.equal(['stolen', 'stolen']);
    }),
  );

  it(
    'are given up by a worker that cannot reach the table before another may take them, and come again when it can',
    marbles((helpers) => {
      const { start, run, table, workers } = fleetOf(helpers, leasables(2));
      run(6_000, {
        0: () => start('w1'),
        1_000: () => table.cut('w1', 'requests'),
        1_500: () => start('w2'),
        4_000: () => table.heal('w1'),
        5_500: () => expect(countsOf(...workers)).to.deep.equal([1, 1]),
      });
      const [lost, taken] = [newsOf(workers[0]!, 'lost').map(timeOf), newsOf(workers[1]!, 'granted').map(timeOf)];
      expect(lost).to.have.length(2);
      expect(Math.max(...lost)).to.be.at.most(1_000 + 900);
      expect(Math.min(...taken)).to.be.above(Math.max(...lost));
      expect(eventsOf(workers[0]!, 'allLeasesLost')).to.have.length(1);
      expect(eventsOf(workers[0]!, 'leaseRequestFailed')).not.to.be.empty;
    }),
  );

  it(
    'are an error where the very first look is refused for good, and are tried again where that passes',
    marbles((helpers) => {
      const { start, run, table, workers } = fleetOf(helpers, leasables(2));
      table.fail('w1', Object.assign(new Error(), { name: 'AccessDeniedException' }));
      table.fail('w2', Object.assign(new Error(), { name: 'ThrottlingException' }));
      run(3_000, {
        0: () => ['w1', 'w2'].forEach((id) => start(id)),
        500: () => table.heal('w2'),
      });
      expect(workers[0]!.news.map((text) => text.split(' ')[1])).to.deep.equal(['error']);
      expect(newsOf(workers[1]!, 'granted')).to.have.length(2);
    }),
  );

  it(
    'are not lost by requests that fail for a while',
    marbles((helpers) => {
      const { start, run, table, workers } = fleetOf(helpers, leasables(2));
      run(4_000, {
        0: () => start('w1'),
        1_000: () => table.fail('w1', Object.assign(new Error(), { name: 'ThrottlingException' })),
        1_350: () => table.heal('w1'),
      });
      expect(newsOf(workers[0]!, 'lost')).to.deep.equal([]);
      expect(newsOf(workers[0]!, 'granted')).to.have.length(2);
      const actions = new Set(eventsOf(workers[0]!, 'leaseRequestFailed').map((event) => 'action' in event && event.action));
      expect([...actions].sort()).to.deep.equal(['look', 'renew']);
    }),
  );

  it(
    'are not lost by replies that are lost: the row shows that the write was made',
    marbles((helpers) => {
      const { start, run, table, workers } = fleetOf(helpers, leasables(2));
      run(4_000, {
        0: () => start('w1'),
        1_000: () => table.cut('w1', 'replies'),
        1_190: () => table.heal('w1'),
      });
      expect(newsOf(workers[0]!, 'lost')).to.deep.equal([]);
      expect(eventsOf(workers[0]!, 'leaseRenewedLate')).not.to.be.empty;
    }),
  );

  for (const [what, shards, holes] of [
    ['tell of hash keys that no lease has, at the third look in a row', leasables(3).slice(0, 2), 1],
    ['tell of none in a whole table', leasables(3), 0],
  ] as const) {
    it(
      what,
      marbles((helpers) => {
        const { start, run, workers } = fleetOf(helpers, shards);
        run(400_000, { 0: () => start('w1') });
        const told = eventsOf(workers[0]!, 'hashKeysUncovered');
        expect(told).to.have.length(holes);
        if (holes > 0) expect(told[0]).to.have.nested.property('holes[0].endingHashKey', String(2n ** 128n - 1n));
      }),
    );
  }

  it(
    'stay with their holder when a row, or all, are deleted',
    marbles((helpers) => {
      const { start, run, table, workers } = fleetOf(helpers, leasables(2));
      let counter = 0;
      run(4_000, {
        0: () => start('w1'),
        1_000: () => {
          counter = table.row(0)!.leaseCounter;
          table.delete(0);
        },
        2_000: () => table.delete(1),
        2_001: () => table.delete(0),
      });
      expect(newsOf(workers[0]!, 'lost')).to.deep.equal([]);
      expect(
        table.rows().map(({ leaseOwner, hashKeyRange, shardStart }) => [leaseOwner, hashKeyRange !== undefined, shardStart]),
      ).to.deep.equal([
        ['w1', true, '2'],
        ['w1', true, '1'],
      ]);
      expect(table.row(0)!.leaseCounter).to.be.above(counter);
    }),
  );

  it(
    'are lost when another worker took them, and what is written for them then is refused',
    marbles((helpers) => {
      const { start, run, table, workers } = fleetOf(helpers, leasables(1));
      const outcomes: unknown[] = [];
      run(3_000, {
        0: () => start('w1'),
        1_000: () => {
          table.put(0, { leaseOwner: 'thief', leaseCounter: 50 });
          workers[0]!.store
            .write({ streamName: 'flights', shardId: leasable(0).shardId, sequenceNumber: '5', subSequenceNumber: 0 }, leasable(0))
            .subscribe({ error: (error: unknown) => outcomes.push((error as { code: string }).code) });
        },
      });
      expect(outcomes).to.deep.equal(['LEASE_LOST']);
      expect(wordOf(table, 0)).to.equal('TRIM_HORIZON');
      expect(timeOf(newsOf(workers[0]!, 'lost')[0])).to.be.below(1_010);
    }),
  );

  it(
    'come again in the same subscription after they were lost, with a greater token',
    marbles((helpers) => {
      const { start, run, table, workers } = fleetOf(helpers, leasables(1));
      run(4_000, {
        0: () => start('w1'),
        1_000: () => table.put(0, { leaseOwner: 'thief', leaseCounter: 50 }),
        3_500: () => expect(holdings(...workers)).to.deep.equal({ w1: [0] }),
      });
      const tokens = eventsOf(workers[0]!, 'leaseTaken').map((event) => 'fencingToken' in event && Number(event.fencingToken));
      expect(tokens).to.deep.equal([1, 51]);
      expect(workers[0]!.news.map((text) => text.split(' ')[1])).to.deep.equal(['granted', 'lost', 'granted']);
    }),
  );

  it(
    'that a checkpoint has just renewed are not renewed again',
    marbles((helpers) => {
      const { start, run, table, workers } = fleetOf(helpers, leasables(1));
      const write = (sequenceNumber: number) =>
        workers[0]!.store
          .write(
            { streamName: 'flights', shardId: leasable(0).shardId, sequenceNumber: String(sequenceNumber), subSequenceNumber: 0 },
            leasable(0),
          )
          .subscribe();
      run(3_010, {
        0: () => start('w1'),
        ...Object.fromEntries(Array.from({ length: 20 }, (_, index) => [1_000 + index * 100, () => write(index)])),
      });
      const updates = table.log.filter((line) => line.includes('update 0')).map(timeOf);
      expect(updates.filter((at) => at >= 1_000 && at < 3_000)).to.have.length(20);
    }),
  );

  it(
    'are renewed behind no other lease and no look',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(2));
      run(5_000, {
        0: () => start('w1', { lookIntervalMs: 1_000_000 }),
        4_900: () => expect(countsOf(workers[0]!)).to.deep.equal([2]),
      });
      expect(table.log.filter((line) => line.includes('scan')).length).to.be.below(5);
    }),
  );

  it(
    'are told after each look, to one who asks later at once, and to nobody before the first look',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(2));
      const [early, late]: [(readonly LeaseStatus[])[], (readonly LeaseStatus[])[]] = [[], []];
      run(3_000, {
        0: () => {
          start('w1', { answers: false, lookIntervalMs: 100 });
          workers[0]!.store.leases$.pipe(take(20)).subscribe((leases) => early.push(leases));
          expect(early).to.deep.equal([]);
        },
        1_000: () => {
          table.put(1, { leaseOwner: 'w2', checkpointOwner: 'w1' });
          table.put(2, { leaseOwner: 'java', leaseCounter: 7 });
        },
        2_500: () => workers[0]!.store.leases$.pipe(take(1)).subscribe((leases) => late.push(leases)),
        2_501: () => expect(late).to.have.length(1),
      });
      const looks = table.log.filter((line) => line.endsWith('scan')).length;
      expect(early.length).to.equal(Math.min(looks, 20));
      expect(early[0]).to.deep.equal([]);
      const [mine, given, theirs] = late[0]!;
      expect(mine)
        .to.deep.include({ shardId: leasable(0).shardId, owner: 'w1' })
        .and.not.to.have.property('nextOwner');
      expect(given).to.deep.include({ shardId: leasable(1).shardId, owner: 'w1', nextOwner: 'w2' });
      expect(theirs).to.deep.include({ owner: 'java', checkpoint: { sequenceNumber: 'TRIM_HORIZON', subSequenceNumber: 0 } });
      expect(theirs!.idleMs).to.be.within(1_000, 1_500);
    }),
  );

  it(
    'are served to one subscription at a time',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, leasables(1));
      const errors: unknown[] = [];
      run(500, {
        0: () => start('w1'),
        100: () => workers[0]!.store.leases(new Subject()).subscribe({ error: (error: unknown) => errors.push(error) }),
      });
      expect(errors).to.have.length(1);
      expect(errors[0]).to.satisfy(isInvalidConfig).and.to.have.property('message').that.includes('share() the stream');
    }),
  );

  it(
    'are regained by a worker that could not renew them, if nobody has taken them, and by one that is started again under its name',
    marbles((helpers) => {
      const { start, run, workers, table } = fleetOf(helpers, leasables(2));
      run(4_000, {
        0: () => start('w1'),
        1_000: () => table.cut('w1', 'requests'),
        2_000: () => table.heal('w1'),
        3_000: () => workers[0]!.crash(),
        3_001: () => {
          table.heal('w1');
          start('w1');
        },
        3_200: () => expect(countsOf(workers[1]!)).to.deep.equal([2]),
      });
      const from = (worker: FleetWorker) => eventsOf(worker, 'leaseTaken').map((event) => 'from' in event && event.from);
      expect(workers.map(from)).to.deep.equal([
        ['free', 'free', 'regained', 'regained'],
        ['regained', 'regained'],
      ]);
    }),
  );

  it(
    'are granted again to the next subscription of the same store',
    marbles((helpers) => {
      const { start, run, workers } = fleetOf(helpers, leasables(1));
      const shards$ = new Subject<readonly LeasableShard[]>();
      const tokens: string[] = [];
      run(2_000, {
        0: () => start('w1'),
        500: () => workers[0]!.stop(),
        600: () => {
          workers[0]!.store
            .leases(shards$)
            .pipe(takeUntil(timer(1_000)))
            .subscribe((news) => news.type === 'granted' && tokens.push(news.lease.fencingToken));
          shards$.next(leasables(1));
        },
      });
      expect(tokens).to.have.length(1);
    }),
  );

  it(
    'cost a worker one scan a look, however many are of others',
    marbles((helpers) => {
      const { start, run, table } = fleetOf(helpers, leasables(2_000));
      const now = Array.from({ length: 2_000 }, (_, shard) => shard);
      for (const shard of now) table.put(shard, { leaseOwner: `w${shard % 400}`, gracefulOwner: `w${shard % 400}`, leaseCounter: 1 });
      const renew = () => now.forEach((shard) => table.put(shard, { leaseCounter: table.row(shard)!.leaseCounter + 1 }));
      run(5_000, {
        0: () => start('me', { maxLeases: 1, assignment: () => [] }),
        ...Object.fromEntries(Array.from({ length: 12 }, (_, index) => [index * 400 + 1, renew])),
      });
      // One look in eight failover times where another worker watches, and a read of one row now and then.
      const requests = table.log.map((line) => line.split(' ')[2]);
      expect(requests.filter((request) => request === 'scan').length).to.be.at.most(2);
      expect(requests.filter((request) => request === 'peek').length).to.be.within(5, 15);
      expect(new Set(requests)).to.deep.equal(new Set(['peek', 'scan']));
    }),
  );
});
