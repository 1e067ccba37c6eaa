import { expect } from 'chai';
import { Subject } from 'rxjs';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { health, type Health } from '../../lib/monitoring/health.js';
import { marbles } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { sampleEvent } from '../support/sample-event.js';
import { thrownBy } from '../support/thrown-by.js';

const SHARD = 'stream/shardId-000000000000';
const events = {
  d: sampleEvent('shardsDiscovered', { added: [], total: 1 }),
  D: sampleEvent('shardsDiscovered', { added: ['shardId-000000000000'], total: 1 }),
  e: sampleEvent('pageRead', { records: 0 }),
  F: sampleEvent('shardFailed'),
  f: sampleEvent('checkpointFailed'),
  l: sampleEvent('allLeasesLost'),
  L: sampleEvent('leaseTaken'),
  p: sampleEvent('pageRead', { records: 3 }),
  q: sampleEvent('readRetry', { reason: 'throttling' }),
  t: sampleEvent('readRetry'),
  b: sampleEvent('pageRead', { records: 3, millisBehindLatest: 7 }),
  B: sampleEvent('blockOpened'),
  s: sampleEvent('stopping'),
  S: sampleEvent('shardStarted'),
  k: sampleEvent('leasesSeen'),
  O: sampleEvent('shardStarted', { streamName: 'other' }),
  o: sampleEvent('stopping', { streamName: 'other' }),
  T: sampleEvent('stopTimedOut'),
  r: sampleEvent('blockRetry'),
  Q: sampleEvent('streamFailed'),
  a: sampleEvent('blockSettled'),
};
const states: Readonly<Record<string, Health>> = {
  n: { live: true, ready: false, reasons: ['no shard is known yet'] },
  y: { live: true, ready: true, reasons: [] },
  w: { live: false, ready: false, reasons: [`${SHARD}: stuck for more than 5 ms`] },
  W: { live: false, ready: false, reasons: [`${SHARD}: stuck for more than 5 ms`, 'no shard is known yet'] },
  x: { live: false, ready: false, reasons: [`${SHARD}: the pipeline failed for good`] },
  X: { live: false, ready: false, reasons: [`${SHARD}: stuck for more than 5 ms`, `${SHARD}: the pipeline failed for good`] },
  s: { live: true, ready: false, reasons: ['stream: stopping'] },
  t: { live: false, ready: false, reasons: ['stream: stop ran out of time'] },
  f: { live: false, ready: false, reasons: ['stream: the stream failed for good'] },
  l: { live: true, ready: false, reasons: ['this worker has lost every lease'] },
  o: { live: true, ready: false, reasons: ['other: stopping'] },
  b: { live: true, ready: false, reasons: ['stream: stopping', 'other: stopping'] },
};

describe('health', () => {
  const is = (source: string, expected: string) =>
    marbles(({ cold, expectObservable }) => {
      expectObservable(health(cold(source, events), { maxAllowedLagMs: 5 })).toBe(expected, states);
    });

  it('is live and not ready until a shard is known, listed or started', () => {
    is('--d--', 'n-y')();
    is('--Sa-', 'n-y')();
  });
  it('says nothing when nothing changes', is('--d-d-e-f-a', 'n-y'));
  it('is not live while a shard is stuck', is('-d-p-------a-', 'ny-------w-y'.replace('-------w-y', '-------w-y')));
  it('is not live when a pipeline failed for good, until the shard starts again', is('-d-F-Sa-', 'ny-x-y'));
  it('is not live once its stream failed, also before any shard is known, until it is subscribed anew', () => {
    is('-d-Q--Sa', 'ny-f--y')();
    is('-d-Q--D', 'ny-f--y')();
    is('-d-p-Q------', 'ny---f------')();
  });
  it('says all that is wrong', is('-d-F------', 'ny-x-----X'));
  it('is not ready while it stops, and not live when that takes too long', is('-d--s---T-', 'ny--s---t'));
  it('is ready again when its stream is subscribed anew', () => {
    is('-d--T--Sa', 'ny--t--y')();
    is('-d--s--Sa', 'ny--s--y')();
  });
  it('keeps streams apart that stop and begin', () => {
    is('-d--s--O|', 'ny--s---|')();
    is('-d--s-o-S|', 'ny--s-b-o|')();
  });
  it('forgets a pipeline that failed when its stream is subscribed anew: another worker may have the shard', is('-d-F-d-D|', 'ny-x---y|'));
  it('is not ready while this worker has no lease of those that it had, until it takes one or sees the table', () => {
    is('-d--l--L', 'ny--l--y')();
    is('-d--l--k-k', 'ny--l--y')();
  });
  it('is neither by a throttled service nor by a failed checkpoint', () => {
    is('-d-qfa', 'ny')();
    is('-d-q---q---q---q---e', 'ny')();
    is('-d-b-a-q---q---q---e', 'ny')();
  });
  it('is live while a shard waits for its turn to be read, however long, and gives it its time from its first read on', () => {
    is('--S------------', 'n-y')();
    is('--S---------p-a', 'n-y')();
    is('--S---------p----------', 'n-y---------------w')();
    is('--S---------t----------', 'n-y---------------w')();
  });
  it('is live while the handler of processBlocks fails and is called again, however long, and not once it hangs', () => {
    is('-d-B---r---r---r-a', 'ny')();
    is('-d-B---r---r---r------', 'ny-------------------w')();
  });
  it('is not live when a block hangs while the service throttles, or reads fail for another reason', () => {
    is('-d-B---q---q---q----', 'ny-------w')();
    is('-d-t---t---t---t----', 'ny-------w')();
  });
  it(
    'allows five minutes unless told otherwise',
    marbles(({ cold, expectObservable }) => {
      const stuck = { live: false, ready: false, reasons: [`${SHARD}: stuck for more than 300000 ms`] };
      expectObservable(health(cold('Sp-', events))).toBe('(ny) 299998ms w', { ...states, w: stuck });
    }),
  );
  it(
    'says what is wrong with each shard once, also when a thousand become stuck together (regression: it stood still for seconds)',
    marbles(({ flush }) => {
      let named = 0;
      const events$ = new Subject<KinesisEvent>();
      let latest: Health | undefined;
      health(events$, { maxAllowedLagMs: 5 }).subscribe((next) => (latest = next));
      const shards = Array.from({ length: 1_000 }, (_, n) => ({ toString: () => (named++, `shard ${n}`) }) as unknown as string);
      for (const shardId of shards) for (const type of ['shardStarted', 'readRetry'] as const) events$.next(sampleEvent(type, { shardId }));
      flush();
      expect(latest?.reasons).to.have.length(1_000).and.include('stream/shard 999: stuck for more than 5 ms');
      for (const shardId of shards) events$.next(sampleEvent('blockSettled', { shardId }));
      expect(latest).to.deep.equal(states.y);
      expect(named).to.be.below(10_000);
    }),
  );
  it('subscribes the events once', () => {
    const events$ = new Subject<KinesisEvent>();
    const subscription = health(events$).subscribe();
    expect(events$.observed).to.equal(true);
    subscription.unsubscribe();
    expect(events$.observed).to.equal(false);
  });
  it('wants events, and a time that can be', () => {
    for (const call of [() => health(5 as never), () => health(new Subject(), { maxAllowedLagMs: 0 })])
      expect(thrownBy(call)).to.satisfy(isInvalidConfig);
  });
});
