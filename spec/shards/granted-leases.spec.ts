import { expect } from 'chai';
import { NEVER, of, Subject, tap, type Observable, type Subscription } from 'rxjs';
import type { Lease, LeasingStore } from '../../lib/checkpoints/checkpoint-store.js';
import { resolveShardConfig } from '../../lib/shards/config.js';
import { GrantedLeases } from '../../lib/shards/granted-leases.js';
import { fakeKinesis } from '../../lib/testing/index.js';
import { fastReading } from '../support/fast-reading.js';

const ID = 'shardId-000000000000';

/** A grant whose loss and whose requests are in the hands of the spec. */
interface Grant {
  readonly lost$: Subject<void>;
  readonly asked$: Subject<void>;
  /** Whether nobody waits any more for another worker to ask for the lease. */
  readonly isOver: () => boolean;
  readonly subscription: Subscription;
}

/** The leases of one subscription; the store notes the tokens of those that are released, once `releasing$` completes. */
function granting(releasing$: Observable<unknown> = of(0)) {
  const released: string[] = [];
  const store: LeasingStore = {
    read: () => NEVER,
    write: () => NEVER,
    leases: () => NEVER,
    release: (_, lease) => releasing$.pipe(tap({ complete: () => released.push(lease!.fencingToken) })),
  };
  const leases = new GrantedLeases(resolveShardConfig(fastReading(fakeKinesis({ shards: { 0: '' } }))));
  const grant = (fencingToken: string): Grant => {
    const [lost$, asked$] = [new Subject<void>(), new Subject<void>()];
    const kept$ = leases.add(ID, { fencingToken, lost$, asked$ } satisfies Lease, store);
    let isOver = false;
    const subscription = kept$.subscribe({ complete: () => (isOver = true) });
    return { lost$, asked$, subscription, isOver: () => isOver };
  };
  return { leases, grant, released };
}

describe('GrantedLeases', () => {
  it('let a shard be read while a lease for it waits and is held', () => {
    const { leases, grant } = granting();
    expect(leases.has(ID)).to.equal(false);
    const { lost$ } = grant('1');
    expect(leases.has(ID)).to.equal(true);
    lost$.next();
    expect(leases.has(ID)).to.equal(false);
  });

  it('are used once: the shard is not read a second time under the same lease', () => {
    const { leases, grant } = granting();
    grant('1');
    expect(leases.use(ID)?.fencingToken).to.equal('1');
    expect(leases.has(ID)).to.equal(false);
    expect(leases.use(ID)).to.equal(undefined);
  });

  it('are released, once, when another worker asks before the shard may be read', () => {
    const { leases, grant, released } = granting();
    const { asked$ } = grant('1');
    asked$.next();
    asked$.next();
    expect(released).to.deep.equal(['1']);
    expect(leases.has(ID)).to.equal(false);
  });

  it('are released also when the stream is unsubscribed while the release is under way: nobody would do it later', () => {
    const releasing$ = new Subject<void>();
    const { grant, released } = granting(releasing$);
    const { asked$, subscription } = grant('1');
    asked$.next();
    subscription.unsubscribe();
    releasing$.complete();
    expect(released).to.deep.equal(['1']);
  });

  it('are not released here when another worker asks while the shard is read: its work must end first', () => {
    const { leases, grant, released } = granting();
    const given = grant('1');
    leases.use(ID);
    given.asked$.next();
    expect(released).to.deep.equal([]);
    expect(given.isOver()).to.equal(true);
  });

  for (const [when, isUsed] of [
    ['waits', false],
    ['is used', true],
  ] as const) {
    it(`go on under a second grant of a shard whose lease ${when}: that one is lost, and not the first`, () => {
      const { leases, grant, released } = granting();
      const first = grant('1');
      const lease = isUsed ? leases.use(ID) : undefined;
      const second = grant('2');
      expect([second.isOver(), released]).to.deep.equal([true, []]);
      first.lost$.next();
      const { tenure } = lease ?? leases.use(ID)!;
      expect(tenure.isHeld).to.equal(true);
      second.lost$.next();
      expect(tenure.isHeld).to.equal(false);
    });
  }

  it('give place to a new grant after one that was lost while it waited, whose requests nobody hears any more', () => {
    const { leases, grant, released } = granting();
    const first = grant('1');
    first.lost$.next();
    grant('2');
    expect([leases.has(ID), first.isOver()]).to.deep.equal([true, true]);
    first.asked$.next();
    expect(released).to.deep.equal([]);
    expect(leases.use(ID)?.fencingToken).to.equal('2');
  });

  it('are forgotten when the reading is over: a later grant of the shard is a lease of its own', () => {
    const { leases, grant } = granting();
    grant('1');
    leases.forget(ID, leases.use(ID));
    grant('2');
    expect(leases.use(ID)?.fencingToken).to.equal('2');
  });

  it('are not forgotten for an earlier reading of the same shard', () => {
    const { leases, grant } = granting();
    const first = grant('1');
    const earlier = leases.use(ID);
    first.lost$.next();
    grant('2');
    leases.use(ID);
    leases.forget(ID, earlier);
    grant('3');
    expect(leases.has(ID)).to.equal(false);
  });

  it('are all released that wait, and none that is used', () => {
    const waiting = granting();
    const given = waiting.grant('1');
    waiting.leases.releaseWaiting();
    waiting.leases.releaseWaiting();
    expect([waiting.released, given.isOver(), waiting.leases.has(ID)]).to.deep.equal([['1'], true, false]);
    const used = granting();
    used.grant('1');
    used.leases.use(ID);
    used.leases.releaseWaiting();
    expect(used.released).to.deep.equal([]);
  });
});
