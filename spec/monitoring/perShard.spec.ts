import { expect } from 'chai';
import { map, Subject } from 'rxjs';
import { stub } from 'sinon';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { perShard } from '../../lib/monitoring/perShard.js';
import { processingLag } from '../../lib/monitoring/processingLag.js';
import { recordsProcessed } from '../../lib/monitoring/recordsProcessed.js';
import { throttleRate } from '../../lib/monitoring/throttleRate.js';
import { marbles } from '../../lib/testing/index.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { SAMPLE_SHARD, sampleEvent } from '../support/sample-event.js';
import { thrownBy } from '../support/thrown-by.js';

const other = { shardId: 'shardId-000000000001' };
const events = {
  a: sampleEvent('blockSettled', { records: 5, lagMs: 100 }),
  b: sampleEvent('blockSettled', { records: 2, lagMs: 300, ...other }),
  c: sampleEvent('blockSettled', { records: 7, streamName: 'other' }),
  l: sampleEvent('leaseRenewed'),
  r: sampleEvent('shardReleased', { reason: 'lost' }),
  w: sampleEvent('checkpointWritten'),
};

describe('perShard', () => {
  it(
    'measures each shard by itself, from its first event on',
    marbles(({ cold, expectObservable, flush, scheduler }) => {
      const figures$ = cold('-a-b--a-', events).pipe(perShard(recordsProcessed({ windowMs: 10, everyMs: 5 })));
      expectObservable(figures$).toBe('------a-b--c-d--e-f--g', {
        ...{ a: { ...SAMPLE_SHARD, value: 5 }, b: { ...SAMPLE_SHARD, ...other, value: 2 } },
        ...{ c: { ...SAMPLE_SHARD, value: 10 }, d: { ...SAMPLE_SHARD, ...other, value: 2 } },
        ...{ e: { ...SAMPLE_SHARD, value: 5 }, f: { ...SAMPLE_SHARD, ...other, value: undefined } },
        ...{ g: { ...SAMPLE_SHARD, value: undefined } },
      });
      flush();
      expect(scheduler.actions).to.have.length(0);
    }),
  );
  it(
    'ends with a shard when it is released, with a last undefined, and begins anew with another life of it',
    marbles(({ cold, expectObservable }) => {
      const figures$ = cold('-a------r--a', events).pipe(perShard(processingLag({ windowMs: 5, everyMs: 5 })));
      const [x, u] = [105, undefined].map((value) => ({ ...SAMPLE_SHARD, value }));
      expectObservable(figures$).toBe('------x-u-------x----u', { x, u });
    }),
  );
  it(
    'does not begin anew with the outcome of a write that was under way when the shard was released',
    marbles(({ cold, expectObservable }) => {
      const figures$ = cold('-a------rw-w-', events).pipe(perShard(processingLag({ windowMs: 5, everyMs: 5 })));
      const [x, u] = [105, undefined].map((value) => ({ ...SAMPLE_SHARD, value }));
      expectObservable(figures$).toBe('------x-u-----', { x, u });
    }),
  );
  it(
    'does not end with another shard',
    marbles(({ cold, expectObservable }) => {
      const figures$ = cold('-b-ar-', events).pipe(perShard(recordsProcessed({ windowMs: 5, everyMs: 5 })));
      const y = { ...SAMPLE_SHARD, ...other };
      expectObservable(figures$).toBe('----u-x----v', {
        ...{ u: { ...SAMPLE_SHARD, value: undefined }, x: { ...y, value: 2 }, v: { ...y, value: undefined } },
      });
    }),
  );
  it('tells of a release the shard that is released, and not each of thousands', () => {
    const events$ = new Subject<KinesisEvent>();
    const figures: unknown[] = [];
    events$.pipe(perShard(map(({ type }) => type))).subscribe((figure) => figures.push(figure));
    for (let shard = 0; shard < 100; shard++) events$.next(sampleEvent('shardStarted', { shardId: `${shard}` }));
    const told: number[] = [];
    const next = stub(Subject.prototype, 'next').callsFake(function (this: { readonly observers: readonly unknown[] }, value) {
      told.push(this.observers.length);
      next.wrappedMethod.call(this as never, value);
    });
    events$.next(sampleEvent('shardReleased', { shardId: '7' }));
    next.restore();
    expect(figures.at(-1)).to.deep.equal({ ...SAMPLE_SHARD, shardId: '7', value: undefined });
    expect(Math.max(...told)).to.equal(1);
  });
  it(
    'counts streams apart whose shards have the same ids',
    marbles(({ cold, expectObservable }) => {
      const figures$ = cold('-(ac)-', events).pipe(perShard(recordsProcessed({ windowMs: 5, everyMs: 5 })));
      const of_ = (streamName: string, value: number | undefined) => ({ ...SAMPLE_SHARD, streamName, value });
      expectObservable(figures$).toBe('------(ac)-(xy)', {
        ...{ a: of_('stream', 5), c: of_('other', 7), x: of_('stream', undefined), y: of_('other', undefined) },
      });
    }),
  );
  it(
    'leaves out events of leases, which name no stream',
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('-l-|', events).pipe(perShard(throttleRate({ service: 'dynamodb' })))).toBe('---|');
    }),
  );
  it(
    'fails with a metric that fails',
    marbles(({ cold, expectObservable }) => {
      const failing = perShard(() => cold<number>('--#', {}, 'mine'));
      expectObservable(cold('-a', events).pipe(failing)).toBe('---#', {}, 'mine');
    }),
  );
  it('wants an operator', () => {
    expect(thrownBy(() => perShard(5 as never))).to.satisfy(isInvalidConfig);
    for (const notCalled of [processingLag, throttleRate]) {
      expect(() => perShard(notCalled as never))
        .to.throw('perShard: expected an operator; a metric must be called: perShard(processingLag())')
        .that.satisfies(isInvalidConfig);
    }
  });
});
