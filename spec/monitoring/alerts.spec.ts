import { expect } from 'chai';
import { filter, of, Subject, VirtualTimeScheduler, type OperatorFunction } from 'rxjs';
import type { Alert } from '../../lib/monitoring/alert.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { highErrorRate } from '../../lib/monitoring/highErrorRate.js';
import { stuckShards } from '../../lib/monitoring/stuckShards.js';
import { marbles } from '../../lib/testing/index.js';
import { SAMPLE_SHARD, sampleEvent } from '../support/sample-event.js';

type Figures = Readonly<Record<string, readonly [raised: boolean, value: number | undefined, shardId?: string]>>;

const OTHER = 'shardId-000000000001';

/** What an alert makes of events by their letters. */
function raises(
  alert: OperatorFunction<KinesisEvent, Alert>,
  common: Pick<Alert, 'type' | 'limit'>,
  events: Readonly<Record<string, KinesisEvent>>,
  [source, alerts]: readonly [source: string, alerts: string],
  figures: Figures = {},
): () => void {
  return marbles(({ cold, expectObservable, flush, scheduler }) => {
    const shown = Object.entries(figures).map(([letter, [raised, value, shardId = SAMPLE_SHARD.shardId]]) => [
      letter,
      { ...common, ...SAMPLE_SHARD, shardId, raised, value },
    ]);
    expectObservable(cold(source, events).pipe(alert)).toBe(alerts, Object.fromEntries(shown));
    flush();
    expect(scheduler.actions, 'timers that are left').to.have.length(0);
  });
}

describe('stuckShards', () => {
  const events = {
    a: sampleEvent('blockSettled', {}),
    A: sampleEvent('blockSettled', { hasOpenBlocks: true }),
    b: sampleEvent('pageRead', { records: 3, millisBehindLatest: 7 }),
    c: sampleEvent('checkpointWritten'),
    e: sampleEvent('pageRead', { records: 0 }),
    E: sampleEvent('pageRead', { records: 0, hasOpenBlocks: true }),
    F: sampleEvent('shardFailed'),
    k: sampleEvent('pageRead', { records: 0, millisBehindLatest: 7 }),
    l: sampleEvent('pageRead', { records: 0, millisBehindLatest: 6 }),
    m: sampleEvent('pageRead', { records: 0, millisBehindLatest: 5 }),
    M: sampleEvent('pageRead', { records: 0, millisBehindLatest: 5, hasOpenBlocks: true }),
    o: sampleEvent('blockOpened'),
    p: sampleEvent('pageRead', { records: 3 }),
    P: sampleEvent('pageRead', { records: 3, shardId: OTHER }),
    q: sampleEvent('readRetry'),
    r: sampleEvent('shardReleased', { reason: 'lost' }),
    S: sampleEvent('shardStarted'),
    z: sampleEvent('readerPaused'),
    Z: sampleEvent('stopped', {}),
  };
  const stuck = (source: string, alerts: string, figures: Figures = {}) =>
    raises(stuckShards({ maxAllowedLagMs: 5 }), { type: 'stuckShard', limit: 5 }, events, [source, alerts], figures);

  it('is raised once when the last block was settled longer ago than allowed, and not when as long ago', () => {
    stuck('-A----------', '-------x', { x: [true, 6] })();
    stuck('-A----a', '-')();
  });
  it('is cleared once by a block that is settled', stuck('-A--------a-a-', '-------x--y', { x: [true, 6], y: [false, 0] }));
  it(
    'is cleared by a checkpoint, and raised again when that is too long ago',
    stuck('-A-------c---------', '-------x-y-----x', { x: [true, 6], y: [false, 0] }),
  );
  it('is counted from a checkpoint too', stuck('-A--c-------', '----------x', { x: [true, 6] }));
  it('is cleared when there is nothing left to do', stuck('-A--------e-', '-------x--y', { x: [true, 6], y: [false, 0] }));
  it('is cleared without a figure when the shard is released, or its stream has stopped', () => {
    stuck('-A--------r-', '-------x--y', { x: [true, 6], y: [false, undefined] })();
    stuck('-A--------Z-', '-------x--y', { x: [true, 6], y: [false, undefined] })();
  });
  it('keeps its timer while a shard has something to do, and not when the last such shard is read no more', () => {
    const scheduler = new VirtualTimeScheduler();
    const source = new Subject<KinesisEvent>();
    source.pipe(stuckShards({ maxAllowedLagMs: 5, scheduler })).subscribe();
    const timersAfter = (...letters: (keyof typeof events)[]): number => {
      for (const letter of letters) source.next(events[letter]);
      return scheduler.actions.length;
    };
    expect(timersAfter('p', 'P')).to.equal(1);
    expect(timersAfter('r')).to.equal(1);
    expect(timersAfter('Z')).to.equal(0);
    expect(timersAfter('p')).to.equal(1);
    expect(timersAfter('e', 'r')).to.equal(0);
  });
  it('is not raised for a shard that has nothing to do', () => {
    stuck('-a----------', '-')();
    stuck('-a-e----------', '-')();
    stuck('-e---e---e---p-a------------', '-')();
    stuck('-A---a---c--------------', '-')();
  });
  it('is not raised for a shard that is idle for long before it has something to do', stuck('-e--e--e--e--e--e--p-a', '-'));
  for (const [letter, what] of Object.entries({
    p: 'records that were read',
    k: 'records that are not read yet',
    o: 'a block that is open',
    q: 'a read that fails',
    z: 'a reader that waits',
    S: 'a shard that is not read',
    F: 'a pipeline that failed for good',
    E: 'a page without records while blocks are open',
  })) {
    it(`is raised for ${what}`, stuck(`-${letter}---------`, '-------x', { x: [true, 6] }));
  }
  it('is raised when all that was read is settled, but newer records are not read', () => {
    stuck('-b-a---------', '---------x', { x: [true, 6] })();
    stuck('-b-a-p-a-------------', '-')();
    stuck('-b-a-e---------------', '-')();
  });
  it('is not raised while pages without records come nearer to the newest record, and no block is open', () => {
    stuck('-k---l---m---e-----', '-')();
    stuck('-k---l---m---------', '---------------x', { x: [true, 6] })();
    stuck('-k--l--k--l--k-----', '----------x', { x: [true, 6] })();
    stuck('-k---M-------------', '-------x', { x: [true, 6] })();
    stuck('-k------l--m---e---', '-------xy', { x: [true, 6], y: [false, 0] })();
  });
  it('is measured from when the shard last had nothing to do', stuck('-e----p-----------', '-------x', { x: [true, 6] }));
  it('is raised for each shard by itself', stuck('-p-P------a------', '-------x-yz', { x: [true, 6], y: [true, 6, OTHER], z: [false, 0] }));
  it(
    'is not raised together with that of another shard whose last block was settled a little earlier',
    stuck('-pP-', '-------xy', { x: [true, 6], y: [true, 6, OTHER] }),
  );
  it(
    'does not wait for the deadline of a shard that has more time left',
    stuck('-e-P--p---', '-------x-y', { x: [true, 6], y: [true, 6, OTHER] }),
  );
  it('counts streams apart whose shards have the same ids', () => {
    const two = { a: sampleEvent('blockSettled', { streamName: 'other' }), p: sampleEvent('pageRead', { records: 1 }) };
    const common = { type: 'stuckShard', limit: 5 } as const;
    raises(stuckShards({ maxAllowedLagMs: 5 }), common, two, ['-p--a-----', '-------x'], { x: [true, 6] })();
  });
});

describe('highErrorRate', () => {
  const events = {
    a: sampleEvent('blockSettled'),
    c: sampleEvent('checkpointWritten'),
    C: sampleEvent('checkpointFailed'),
    d: sampleEvent('shardsDiscovered'),
    D: sampleEvent('discoveryFailed'),
    F: sampleEvent('shardFailed'),
    i: sampleEvent('readRetry', { reason: 'iterator' }),
    p: sampleEvent('pageRead'),
    P: sampleEvent('pageRead', { shardId: OTHER }),
    q: sampleEvent('readRetry'),
    Q: sampleEvent('readRetry', { shardId: OTHER }),
    r: sampleEvent('shardReleased', { reason: 'lost' }),
    R: sampleEvent('shardRestarted'),
    s: sampleEvent('storeRetry'),
    S: sampleEvent('shardStarted'),
    v: sampleEvent('recoveryStarted', { ranges: [] }),
  };
  const high = (threshold: number, source: string, alerts: string, figures: Figures = {}) =>
    raises(
      highErrorRate({ threshold, windowMs: 10, everyMs: 5 }),
      { type: 'highErrorRate', limit: threshold },
      events,
      [source, alerts],
      figures,
    );

  it(
    'is raised once when more than the threshold fails, and cleared once when not more does',
    high(0.5, '-qqa--aa---------aa-', '-----x----y', { x: [true, 2 / 3], y: [false, 2 / 5] }),
  );
  it('is not raised by as much as the threshold', high(0.5, '-qaqa--', '-'));
  it(
    'is cleared without a figure when nothing was tried in the window',
    high(0.5, '-qq-', '-----x---------y', { x: [true, 1], y: [false, undefined] }),
  );
  it(
    'is cleared without a figure when the shard is released, and raised anew for another life of it',
    high(0.5, '-qq---r------q--', '-----x----y----x---------y', { x: [true, 1], y: [false, undefined] }),
  );
  it('does not count what was before the release of the shard', () => {
    high(0.3, '-qqrp-', '-')();
    high(0.3, '-qq---rp-', '-----x----y', { x: [true, 1], y: [false, 0] })();
  });
  it('is 5 % unless another limit is given', () => {
    const of_ = (source: string, alerts: string, figures: Figures = {}) =>
      raises(highErrorRate({ windowMs: 10, everyMs: 5 }), { type: 'highErrorRate', limit: 0.05 }, events, [source, alerts], figures);
    const twenty = 'p'.repeat(19);
    of_(`-(q${twenty})`, '-')();
    of_(`-(q${twenty.slice(1)})`, '-----x---------y', { x: [true, 1 / 19], y: [false, undefined] })();
  });
  it(
    'is that of each shard by itself',
    // At 15 the first pages of the other shard have left the window, and its one failure has not.
    high(0.5, '-(qPPP)--(Qp)', '-----x----y----X----Y', {
      x: [true, 1],
      y: [false, 1 / 2],
      X: [true, 1, OTHER],
      Y: [false, undefined, OTHER],
    }),
  );
  it('counts reads, work, checkpoints and their lookups', () => {
    for (const failure of 'CFqRsv')
      for (const success of 'acpS') high(0.4, `-${failure}${success}-`, '-----x---------y', { x: [true, 0.5], y: [false, undefined] })();
  });
  it('counts no iterator that was too old', high(0.1, '-iip-', '-'));
  it(
    'counts the lists of shards for the stream',
    marbles(({ cold, expectObservable }) => {
      const alert = { type: 'highErrorRate', streamName: 'stream', limit: 0.5 };
      expectObservable(cold('-DDdppp-', events).pipe(highErrorRate({ threshold: 0.5, windowMs: 10, everyMs: 5 }))).toBe(
        '-----x---------y',
        {
          x: { ...alert, raised: true, value: 2 / 3 },
          y: { ...alert, raised: false, value: undefined },
        },
      );
    }),
  );
  it('looks at one kind of work only behind a filter', () => {
    const work = filter(({ type }: KinesisEvent) => type === 'blockSettled' || type === 'shardRestarted');
    const alert = (events$: Parameters<OperatorFunction<KinesisEvent, Alert>>[0]) =>
      events$.pipe(work, highErrorRate({ threshold: 0.4, windowMs: 10, everyMs: 5 }));
    const figures: Figures = { x: [true, 0.5], y: [false, undefined] };
    raises(alert, { type: 'highErrorRate', limit: 0.4 }, events, ['-(Rappp)-', '-----x---------y'], figures)();
  });
  it('leaves out events of no stream', () => {
    marbles(({ expectObservable }) => {
      const event: KinesisEvent = { type: 'blockStoreFailed', at: 0, action: 'put', error: undefined };
      expectObservable(of(event).pipe(highErrorRate())).toBe('|');
    })();
  });
});
