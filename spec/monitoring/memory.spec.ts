import { expect } from 'chai';
import { Subject, Subscription, VirtualTimeScheduler, type Observable } from 'rxjs';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import {
  checkpointSuccessRate,
  health,
  highErrorRate,
  perShard,
  processingLag,
  recordsProcessed,
  recoveryRate,
  stuckShards,
  throttleRate,
} from '../../lib/index.js';
import { collectGarbage } from '../support/collect-garbage.js';
import { sampleEvent } from '../support/sample-event.js';

describe('what watching keeps', () => {
  it('does not grow with the number of events, nor with that of the shards that were released', async function () {
    this.timeout(30_000);
    const scheduler = new VirtualTimeScheduler();
    const window = { windowMs: 10_000, everyMs: 1_000, scheduler };
    const events$ = new Subject<KinesisEvent>();
    const watches: ReadonlyArray<Observable<unknown>> = [
      events$.pipe(checkpointSuccessRate(window)),
      events$.pipe(recoveryRate(window)),
      events$.pipe(processingLag(window)),
      events$.pipe(throttleRate({ service: 'kinesis', ...window })),
      events$.pipe(recordsProcessed(window)),
      events$.pipe(stuckShards({ maxAllowedLagMs: 5_000, scheduler })),
      events$.pipe(highErrorRate(window)),
      events$.pipe(perShard(recordsProcessed(window))),
      health(events$, { scheduler }),
    ];
    const subscription = watches.reduce((all, watch) => (all.add(watch.subscribe()), all), new Subscription());
    let shards = 0;
    /** So many events within a second, of shards that are released in the end. */
    const second = (count: number): void => {
      const names = Array.from({ length: 200 }, () => ({ shardId: `shardId-${shards++}` }));
      for (let i = 0; i < count; i++) {
        const name = names[i % names.length]!;
        events$.next(sampleEvent('pageRead', { ...name, hasOpenBlocks: true }));
        events$.next(sampleEvent('blockSettled', { ...name, lagMs: 5 }));
        events$.next(sampleEvent('checkpointFailed', name));
      }
      for (const name of names) events$.next(sampleEvent('shardReleased', name));
    };
    const heapAfter = async (seconds: number, count: number): Promise<number> => {
      for (let i = 0; i < seconds; i++) {
        second(count);
        scheduler.maxFrames = scheduler.frame + 1_000;
        scheduler.schedule(() => undefined, 1_000);
        scheduler.flush();
      }
      await collectGarbage();
      return process.memoryUsage().heapUsed;
    };

    await heapAfter(20, 200);
    const few = await heapAfter(20, 200);
    const many = await heapAfter(20, 5_000);
    subscription.unsubscribe();
    expect(many - few, 'bytes that 300 000 events and 4 000 shards have left').to.be.below(500_000);
  });
});
