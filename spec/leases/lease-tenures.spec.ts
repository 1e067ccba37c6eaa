import { expect } from 'chai';
import { concat, NEVER, of, timer, type Observable, type Subscription } from 'rxjs';
import type { Lease } from '../../lib/checkpoints/checkpoint-store.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { fakeLeases, type FakeLeases } from '../../lib/testing/leases/fakeLeases.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fastReading, identityOf } from '../support/fast-reading.js';

describe('one store of leases, subscribed again', () => {
  const tellingOf = (leases: FakeLeases, told: KinesisEvent[]) =>
    leases.worker('w', { events: { next: (event) => void told.push(event) } });
  const readWith = (store: ReturnType<FakeLeases['worker']>, stop?: Observable<unknown>): Observable<KinesisRecord> =>
    kinesisStream(fastReading(fakeKinesis({ shards: { 0: 'a^', 1: 'b^' } }), { store, ...(stop && { stop }) })).pipe(
      mergeShards((shard) => shard),
    );

  it(
    'serves whoever subscribes when it is told that the stream before has completed',
    marbles(({ scheduler, flush }) => {
      const told: KinesisEvent[] = [];
      const ends: unknown[] = [];
      const leases = fakeLeases({ scheduler, latencyMs: 50 });
      const store = tellingOf(leases, told);
      // The last call to the other worker ends after all else.
      readWith(leases.worker('other'), timer(60_000)).subscribe();
      const run = (times: number): void => {
        readWith(store, timer(9_000)).subscribe({
          complete: () => {
            ends.push('complete');
            if (times > 1) run(times - 1);
          },
          error: (error: unknown) => ends.push(error),
        });
      };
      timer(2_000).subscribe(() => run(3));
      flush();
      expect(ends).to.deep.equal(['complete', 'complete', 'complete']);
      expect(told.filter(({ type }) => type === 'leaseTaken')).to.have.length(3);
    }),
  );

  it(
    'keeps its new tenure, though the release of the one before comes later',
    marbles(({ scheduler, flush }) => {
      const leases = fakeLeases({ scheduler });
      const told: KinesisEvent[] = [];
      const store = tellingOf(leases, told);
      const shard = { ...identityOf(0), closed: false, isReady: true };
      const granted: Lease[] = [];
      const subscribe = (): Subscription =>
        store.leases(concat(of([shard]), NEVER)).subscribe((news) => news.type === 'granted' && granted.push(news.lease));
      const releases = (): number => told.filter(({ type }) => type === 'leaseReleased').length;
      const seen: unknown[] = [];

      const first = subscribe();
      timer(5_000).subscribe(() => {
        first.unsubscribe();
        const second = subscribe();
        timer(3_500).subscribe(() => second.unsubscribe());
      });
      timer(8_000).subscribe(() => store.release(shard, granted[0]).subscribe({ complete: () => seen.push('former', releases()) }));
      timer(9_000).subscribe(() => store.release(shard, granted[1]).subscribe({ complete: () => seen.push('present', releases()) }));
      flush();
      expect(granted).to.have.length(2);
      expect(seen).to.deep.equal(['former', 0, 'present', 1]);
      expect(leases.row(0)).not.to.have.property('leaseOwner');
    }),
  );
});
