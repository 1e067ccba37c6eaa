import { expect } from 'chai';
import { NEVER, of, Subject, throwError, timer, type ObservableInput } from 'rxjs';
import type { LeasingStore } from '../../lib/checkpoints/checkpoint-store.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { resolveShardConfig } from '../../lib/shards/config.js';
import { ShardLease } from '../../lib/shards/shard-lease.js';
import { fakeKinesis, marbles } from '../../lib/testing/index.js';
import { fastReading, identityOf } from '../support/fast-reading.js';

/** A lease whose loss and whose store are in the hands of the spec. */
function leaseOf(lost$: ObservableInput<unknown>, release: () => ObservableInput<unknown> = () => of(0)) {
  const released: string[] = [];
  const store: LeasingStore = {
    read: () => NEVER,
    write: () => NEVER,
    leases: () => NEVER,
    release: ({ shardId }) => (released.push(shardId), release()),
  };
  const events: KinesisEvent[] = [];
  const config = resolveShardConfig({
    ...fastReading(fakeKinesis({ shards: { 0: '' } }), { events: { next: (event) => void events.push(event) } }),
    retry: { maxRetries: 2, initialDelayMs: 10 },
  });
  return { lease: new ShardLease({ fencingToken: '7', lost$ }, store), config, released, events };
}

describe('ShardLease', () => {
  it('has the fencing token of its grant', () => {
    expect(leaseOf(NEVER).lease.fencingToken).to.equal('7');
  });

  it('tells its watcher when it is lost, once', () => {
    const lost$ = new Subject<void>();
    const { lease } = leaseOf(lost$);
    let losses = 0;
    lease.tenure.lost$.subscribe(() => losses++);
    expect([lease.tenure.isLost, losses]).to.deep.equal([false, 0]);
    lost$.next();
    expect([lease.tenure.isLost, losses]).to.deep.equal([true, 1]);
  });

  it('tells a watcher at once when it was lost before it was watched', () => {
    const lost$ = new Subject<void>();
    const { lease } = leaseOf(lost$);
    lost$.next();
    expect(lease.tenure.isLost).to.equal(true);
    let losses = 0;
    lease.tenure.lost$.subscribe(() => losses++);
    expect(losses).to.equal(1);
  });

  it('is lost from the beginning when the loss comes together with the grant', () => {
    expect(leaseOf(of(0)).lease.tenure.isLost).to.equal(true);
  });

  it('is held on when the news of its loss complete or fail without any', () => {
    for (const lost$ of [of(), throwError(() => new Error('no news'))]) expect(leaseOf(lost$).lease.tenure.isLost).to.equal(false);
  });

  it('goes on in the tenure that it is granted anew while it is held: that one can be lost and asked for, not the former', () => {
    const [former$, lost$, asked$] = [new Subject<void>(), new Subject<void>(), new Subject<void>()];
    const { lease } = leaseOf(former$);
    const [asked, read]: number[][] = [[], []];
    lease.asked$.subscribe(() => asked!.push(1));
    lease.noteRead(1);
    lease.adopt({ fencingToken: '8', lost$, asked$, noteRead: (bytes) => read!.push(bytes) });
    lease.noteRead(2);
    former$.next();
    asked$.next();
    expect({ isHeld: lease.tenure.isHeld, asked, read, token: lease.fencingToken }).to.deep.equal({
      isHeld: true,
      asked: [1],
      read: [2],
      token: '7',
    });
    lost$.next();
    expect(lease.tenure.isHeld).to.equal(false);
  });

  it('is given up once when it is released, and hears of no loss from then on', () => {
    const lost$ = new Subject<void>();
    const { lease, config, released } = leaseOf(lost$);
    let losses = 0;
    lease.tenure.lost$.subscribe(() => losses++);
    const ends: string[] = [];
    lease.release(identityOf(0), config).subscribe({ complete: () => ends.push('complete') });
    lost$.next();
    expect(released).to.deep.equal([identityOf(0).shardId]);
    expect([lease.tenure.isLost, losses, lost$.observed, ...ends]).to.deep.equal([false, 0, false, 'complete']);
  });

  it('is not given up when another worker has it: that would take it from that one', () => {
    const lost$ = new Subject<void>();
    const [taken, refused] = [leaseOf(lost$), leaseOf(NEVER)];
    lost$.next();
    refused.lease.tenure.lose();
    const ends: string[] = [];
    for (const { lease, config } of [taken, refused])
      lease.release(identityOf(0), config).subscribe({ complete: () => ends.push('complete') });
    expect([...taken.released, ...refused.released]).to.deep.equal([]);
    expect(ends).to.deep.equal(['complete', 'complete']);
  });

  it(
    'asks a store that fails again, with an event each time, and completes in the end: within stopTimeoutMs',
    marbles(({ expectObservable, flush }) => {
      const { lease, config, released, events } = leaseOf(NEVER, () =>
        throwError(() => Object.assign(new Error(), { name: 'ThrottlingException' })),
      );
      expectObservable(lease.release(identityOf(0), config)).toBe('20s |');
      flush();
      // However few retries a read may have.
      expect(released).to.have.length.above(5);
      // The last one that is told is not made any more.
      expect(events.map(({ type }) => type)).to.deep.equal(released.map(() => 'storeRetry'));
    }),
  );

  it(
    'asks a store that fails again within a stopTimeoutMs of its own also where nothing stops',
    marbles(({ expectObservable }) => {
      const { lease, config } = leaseOf(NEVER, () => throwError(() => new Error()));
      expectObservable(lease.release(identityOf(0), { ...config, stop$: NEVER, stopTimeoutMs: 1_000 })).toBe('800ms |');
    }),
  );

  it(
    'asks a store that does not answer again after requestTimeoutMs',
    marbles(({ expectObservable, flush }) => {
      let calls = 0;
      const { lease, config, events } = leaseOf(NEVER, () => (calls++ === 0 ? NEVER : timer(1)));
      expectObservable(lease.release(identityOf(0), { ...config, requestTimeoutMs: 1_000 })).toBe('1006ms |');
      flush();
      expect(events.map(({ type }) => type)).to.deep.equal(['storeRetry']);
    }),
  );

  it(
    'waits for the answer of the store before it completes',
    marbles(({ expectObservable }) => {
      const { lease, config } = leaseOf(NEVER, () => timer(20));
      expectObservable(lease.release(identityOf(0), config)).toBe('20ms |');
    }),
  );
});
