import { expect } from 'chai';
import { bufferCount, concatMap, delay, NEVER, of, ReplaySubject, Subject, tap, throwError, timer, type Observable } from 'rxjs';
import type { LeasingStore } from '../../lib/checkpoints/checkpoint-store.js';
import { LeaseLostError } from '../../lib/checkpoints/errors.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { resolveShardConfig } from '../../lib/shards/config.js';
import { ShardLease } from '../../lib/shards/shard-lease.js';
import { ShardLifecycle } from '../../lib/shards/shard-lifecycle.js';
import type { Shard } from '../../lib/shards/shard.js';
import type { Block } from '../../lib/values/block.js';
import { fakeKinesis, marbles, type MarbleHelpers } from '../../lib/testing/index.js';
import { fastReading, identityOf } from '../support/fast-reading.js';
import { settle } from '../support/hand-fed-shard.js';

interface LifeConfig {
  /** The records of the shard, as marbles. */
  readonly records: string;
  readonly store?: Partial<LeasingStore>;
  /** Whether the lease is lost before the life begins. */
  readonly isLost?: boolean;
}

/** The life of one shard with a lease, and a log of what was asked of the store and told, such as `12 write 3`. */
function lifeOf({ scheduler }: MarbleHelpers, { records, store: fields, isLost = false }: LifeConfig) {
  const log: string[] = [];
  const note = (text: string): void => void log.push(`${scheduler.now()} ${text}`);
  const store: LeasingStore = {
    read: () => of(undefined),
    write: ({ sequenceNumber }) => timer(2).pipe(tap(() => note(`write ${sequenceNumber}`))),
    leases: () => NEVER,
    release: () => timer(2).pipe(tap(() => note('release'))),
    ...fields,
  };
  const stop$ = new ReplaySubject<void>(1);
  const lost$ = new Subject<void>();
  const config = resolveShardConfig(fastReading(fakeKinesis({ shards: { 0: records } }), { store, stop: stop$ }));
  const lease = new ShardLease({ fencingToken: '7', lost$ }, store);
  if (isLost) lost$.next();
  const life = new ShardLifecycle({
    ...{ identity: identityOf(0), config, lease, insistsOnEnd: true },
    ready: { shard: { closed: false }, initial: true, hasReadParent: false, hasResumedParent: false, unlistedParentIds: [] },
    released: (reason, outcome) => note(`released ${reason} ${outcome ?? '-'}`),
  });
  const shards: Shard[] = [];
  const subscription = life.run().subscribe({
    next: (shard) => (shards.push(shard), note('shard')),
    complete: () => note('complete'),
  });
  /** Works on the shard, record by record, for `ms` each. */
  const work = (ms: number): Observable<unknown> =>
    shards[0]!.pipe(
      bufferCount(1),
      withSequenceRanges(),
      concatMap((block) => of(block).pipe(delay(ms))),
      checkpointEvery(10),
    );
  return { life, log, note, shards, subscription, stop: () => stop$.next(), lose: () => lost$.next(), work };
}

describe('ShardLifecycle', () => {
  it(
    'writes the end, then gives up the lease, then lets the children start, then completes',
    marbles((helpers) => {
      const { log, shards } = lifeOf(helpers, { records: '(ab|)' });
      // Nobody else writes.
      shards[0]!.pipe(bufferCount(1), withSequenceRanges()).subscribe((block) => settle(block));
      helpers.flush();
      const verbs = log.map((line) => line.replace(/^\d+ /, ''));
      expect(verbs).to.deep.equal(['shard', 'write SHARD_END', 'release', 'released ended resumed', 'complete']);
    }),
  );

  it(
    'hands out a shard with the fencing token of its lease',
    marbles((helpers) => {
      const { shards, subscription } = lifeOf(helpers, { records: 'a' });
      expect(shards[0]).to.include({ fencingToken: '7', shardId: identityOf(0).shardId });
      subscription.unsubscribe();
    }),
  );

  it(
    'emits no shard when stop cuts its opening off, and still gives up the lease',
    marbles((helpers) => {
      const { log, stop } = lifeOf(helpers, { records: 'a', store: { read: () => NEVER } });
      helpers.scheduler.schedule(stop, 5);
      helpers.flush();
      expect(log).to.deep.equal(['7 release', '7 released stopped -', '7 complete']);
    }),
  );

  it(
    'reads nothing under a lease that was lost before it was watched, and does not give it up',
    marbles((helpers) => {
      const { log, shards, life } = lifeOf(helpers, { records: 'a', isLost: true });
      const losses: string[] = [];
      life.shard.leaseLost$.subscribe({ next: () => losses.push('lost'), complete: () => losses.push('complete') });
      helpers.flush();
      expect(log).to.deep.equal(['0 released lost -', '0 complete']);
      expect(shards).to.deep.equal([]);
      expect(losses).to.deep.equal(['lost', 'complete']);
    }),
  );

  it(
    'is lost when the store refuses a write of a former owner: nothing more is written and the lease is not given up',
    marbles((helpers) => {
      const store: Partial<LeasingStore> = { write: () => throwError(() => new LeaseLostError(identityOf(0))) };
      const { log, work, shards } = lifeOf(helpers, { records: 'abc', store });
      const losses: string[] = [];
      shards[0]!.leaseLost$.subscribe({ next: () => losses.push('lost'), complete: () => losses.push('complete') });
      work(1).subscribe();
      helpers.flush();
      expect(log.map((line) => line.replace(/^\d+ /, ''))).to.deep.equal(['shard', 'released lost -', 'complete']);
      expect(losses).to.deep.equal(['lost', 'complete']);
    }),
  );

  it(
    'is lost at once while its last write waits for the next try: who has the shard again need not wait for that',
    marbles((helpers) => {
      const { log, shards, lose } = lifeOf(helpers, { records: '(ab|)', store: { write: () => throwError(() => new Error('refused')) } });
      shards[0]!.pipe(bufferCount(1), withSequenceRanges()).subscribe((block) => settle(block));
      helpers.scheduler.schedule(lose, 50);
      helpers.flush();
      expect(log).to.deep.equal(['0 shard', '50 released lost -', '50 complete']);
    }),
  );

  it(
    'is stopped and not ended when the store refuses SHARD_END until stop: its children wait for another worker',
    marbles((helpers) => {
      const { log, shards, stop } = lifeOf(helpers, { records: '(ab|)', store: { write: () => throwError(() => new Error('refused')) } });
      shards[0]!.pipe(bufferCount(1), withSequenceRanges()).subscribe((block) => settle(block));
      helpers.scheduler.schedule(stop, 50);
      helpers.flush();
      expect(log.map((line) => line.replace(/^\d+ /, ''))).to.deep.equal(['shard', 'release', 'released stopped -', 'complete']);
    }),
  );

  it(
    'writes nothing after its lease is given up, whatever settles then',
    marbles((helpers) => {
      const { log, shards, stop } = lifeOf(helpers, { records: '(ab)' });
      const blocks: Block[] = [];
      const work$ = new Subject<Block>();
      work$.pipe(checkpointEvery(10)).subscribe();
      const reading = shards[0]!.pipe(bufferCount(1), withSequenceRanges()).subscribe((block) => blocks.push(block));
      helpers.scheduler.schedule(() => work$.next(blocks[0]!), 31);
      helpers.scheduler.schedule(() => (reading.unsubscribe(), stop()), 52);
      helpers.scheduler.schedule(() => work$.next(blocks[1]!), 90);
      helpers.flush();
      expect(log).to.deep.equal(['0 shard', '42 write 1', '54 release', '54 released stopped -', '54 complete']);
    }),
  );

  describe('unsubscribed before it is released', () => {
    it(
      'writes what is settled, then ends a shard that is still subscribed, and only then gives up the lease',
      marbles((helpers) => {
        const { log, note, work, subscription, shards } = lifeOf(helpers, { records: '(abc)' });
        shards[0]!.leaseLost$.subscribe(() => note('lost'));
        // No tick of checkpointEvery comes before.
        work(1).subscribe({ complete: () => note('end') });
        helpers.scheduler.schedule(() => subscription.unsubscribe(), 5);
        helpers.flush();
        expect(log).to.deep.equal(['0 shard', '7 write 3', '7 lost', '7 end', '9 release']);
      }),
    );

    it(
      'takes it for no loss when nobody works on the shard any more, and has a later subscription complete at once',
      marbles((helpers) => {
        const { log, work, subscription, shards } = lifeOf(helpers, { records: '(abc)' });
        const seen: string[] = [];
        shards[0]!.leaseLost$.subscribe({ next: () => seen.push('lost'), complete: () => seen.push('leaseLost$ completes') });
        const working = work(1).subscribe();
        helpers.scheduler.schedule(() => (subscription.unsubscribe(), working.unsubscribe()), 5);
        helpers.scheduler.schedule(() => shards[0]!.subscribe({ complete: () => seen.push('completes') }), 20);
        helpers.flush();
        expect(log).to.deep.equal(['0 shard', '7 write 2', '9 release']);
        expect(seen).to.deep.equal(['leaseLost$ completes', 'completes']);
      }),
    );

    it(
      'neither writes nor gives up a lease that another worker has',
      marbles((helpers) => {
        const { log, work, subscription, lose } = lifeOf(helpers, { records: 'abc' });
        work(1).subscribe();
        helpers.scheduler.schedule(() => {
          subscription.unsubscribe();
          lose();
        }, 5);
        helpers.flush();
        expect(log).to.deep.equal(['0 shard']);
      }),
    );

    it(
      'does nothing when it is released already',
      marbles((helpers) => {
        const { log, work, subscription } = lifeOf(helpers, { records: '(a|)' });
        work(1).subscribe();
        helpers.flush();
        const before = log.length;
        subscription.unsubscribe();
        helpers.flush();
        expect(log).to.have.length(before);
      }),
    );
  });
});
