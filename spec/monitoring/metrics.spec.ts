import { expect } from 'chai';
import type { OperatorFunction } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { checkpointSuccessRate } from '../../lib/monitoring/checkpointSuccessRate.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { processingLag } from '../../lib/monitoring/processingLag.js';
import { recordsProcessed } from '../../lib/monitoring/recordsProcessed.js';
import { recoveryRate } from '../../lib/monitoring/recoveryRate.js';
import { throttleRate } from '../../lib/monitoring/throttleRate.js';
import { marbles } from '../../lib/testing/index.js';
import { sampleEvent } from '../support/sample-event.js';

/** Two slots of five frames. */
const window = { windowMs: 10, everyMs: 5 };

/** What a metric makes of events by their letters: `_` stands for `undefined`. */
function measures(
  metric: OperatorFunction<KinesisEvent, number | undefined>,
  events: Readonly<Record<string, KinesisEvent>>,
  [source, figures]: readonly [source: string, figures: string],
  values: Readonly<Record<string, number>> = {},
): () => void {
  return marbles(({ cold, expectObservable, flush, scheduler }) => {
    expectObservable(cold(source, events).pipe(metric)).toBe(figures, { ...values, _: undefined });
    flush();
    expectRest(scheduler);
  });
}

function expectRest({ actions }: TestScheduler): void {
  expect(actions, 'timers that are left').to.have.length(0);
}

describe('checkpointSuccessRate', () => {
  const events = { w: sampleEvent('checkpointWritten'), f: sampleEvent('checkpointFailed'), s: sampleEvent('checkpointSkipped') };

  it(
    'is what was written of what was tried, over the window',
    measures(checkpointSuccessRate(window), events, ['-w-wf----w-', '-----a----b----c----_'], { a: 2 / 3, b: 3 / 4, c: 1 }),
  );
  it(
    'counts an event at a tick for the next one',
    measures(checkpointSuccessRate(window), events, ['f----w-', '-----a----b----c----_'], { a: 0, b: 1 / 2, c: 1 }),
  );
  it(
    'is 0 when nothing was written, and undefined when nothing was tried',
    measures(checkpointSuccessRate(window), events, ['-f-----------------------f-', '-----a----a----_--------------a----a----_'], { a: 0 }),
  );
  it('counts no skipped tick', measures(checkpointSuccessRate(window), events, ['-s-s-', '-']));
});

describe('recordsProcessed', () => {
  const events = {
    a: sampleEvent('blockSettled', { records: 100 }),
    b: sampleEvent('blockSettled', { records: 7, shardId: 'shardId-000000000001' }),
    p: sampleEvent('pageRead', { records: 50 }),
  };

  it(
    'is the sum of the records that were settled, of all shards',
    measures(recordsProcessed(window), events, ['-a-b--a-p--', '-----x----y----z----_'], { x: 107, y: 207, z: 100 }),
  );
  it(
    'has as many slots as the window is longer than the interval',
    measures(recordsProcessed({ windowMs: 15, everyMs: 5 }), events, ['-b----b----b-', '-----x----y----z----y----x----_'], {
      x: 7,
      y: 14,
      z: 21,
    }),
  );
  it(
    'may tumble: a window of one slot',
    measures(recordsProcessed({ windowMs: 5, everyMs: 5 }), events, ['-b-b--a-', '-----x----y----_'], { x: 14, y: 100 }),
  );
});

describe('recoveryRate', () => {
  const events = {
    b: sampleEvent('blockSettled'),
    e: sampleEvent('pageRead', { records: 0 }),
    o: sampleEvent('blockOpened'),
    p: sampleEvent('pageRead', { records: 5 }),
    r: sampleEvent('recoveryStarted', { ranges: [] }),
  };

  it(
    'is the recoveries in a second of processing: of slots in which something was processed',
    // Slots of 5 ms: two busy ones with one recovery are 1 in 10 ms; three recoveries in one busy slot are 3 in 5 ms.
    measures(recoveryRate({ windowMs: 20, everyMs: 5 }), events, ['-b--r-p---e---e---e-', '-----a----b----b----b----c----_'], {
      a: 200,
      b: 100,
      c: 0,
    }),
  );
  it(
    'counts a recovery as processing, so that it is never a division by nothing',
    measures(recoveryRate(window), events, ['-rrr-', '-----a----a----_'], { a: 600 }),
  );
  it(
    'is 0 while blocks are made and nothing is recovered, and undefined while pages are empty',
    measures(recoveryRate(window), events, ['-o----e-', '-----a----a----_'], { a: 0 }),
  );
});

describe('throttleRate', () => {
  const retry = (reason: 'throttling' | 'transient' | 'iterator') => sampleEvent('readRetry', { reason });
  const kinesis = {
    p: sampleEvent('pageRead', { records: 0 }),
    t: retry('throttling'),
    u: retry('transient'),
    i: retry('iterator'),
    d: sampleEvent('shardsDiscovered'),
    D: sampleEvent('discoveryFailed', { reason: 'throttling' }),
    E: sampleEvent('discoveryFailed', { reason: 'fatal' }),
  };
  const dynamodb = {
    w: sampleEvent('checkpointWritten'),
    W: sampleEvent('checkpointFailed', { reason: 'throttling' }),
    V: sampleEvent('checkpointFailed', { reason: 'transient' }),
    r: sampleEvent('leaseRenewed'),
    l: sampleEvent('leasesSeen'),
    L: sampleEvent('leaseRequestFailed', { reason: 'throttling' }),
    s: sampleEvent('storeRetry', { reason: 'throttling' }),
    S: sampleEvent('shardStarted'),
  };

  it(
    'of Kinesis is what was throttled of the reads and listings',
    measures(throttleRate({ service: 'kinesis', ...window }), kinesis, ['-ppt-ui-------dDE-', '-----a----b----c----d----e----_'], {
      a: 1 / 3,
      b: 1 / 5,
      c: 0,
      d: 1 / 3,
      e: 1 / 2,
    }),
  );
  it(
    'of DynamoDB is what was throttled of the requests to the store',
    measures(throttleRate({ service: 'dynamodb', ...window }), dynamodb, ['-wWV-rlLsS-', '-----a----b----c----_'], {
      a: 1 / 3,
      b: 3 / 8,
      c: 2 / 5,
    }),
  );
  it('of one service counts nothing of the other', () => {
    measures(throttleRate({ service: 'dynamodb', ...window }), kinesis, ['-ptuidDE-', '-'])();
    measures(throttleRate({ service: 'kinesis', ...window }), dynamodb, ['-wWVrlLsS-', '-'])();
  });
});

describe('processingLag', () => {
  const other = { shardId: 'shardId-000000000001' };
  const events = {
    a: sampleEvent('blockSettled', { lagMs: 100 }),
    A: sampleEvent('blockSettled', { lagMs: 100, hasOpenBlocks: true }),
    b: sampleEvent('blockSettled', { lagMs: 300, ...other }),
    n: sampleEvent('blockSettled', {}),
    e: sampleEvent('pageRead', { records: 0 }),
    E: sampleEvent('pageRead', { records: 0, hasOpenBlocks: true }),
    p: sampleEvent('pageRead', { records: 3 }),
    r: sampleEvent('shardReleased', { reason: 'lost' }),
    S: sampleEvent('stopped', {}),
    w: sampleEvent('checkpointWritten'),
  };
  const lag = () => processingLag(window);

  it(
    'is the time since the last settled record came to Kinesis, and grows until the next is settled',
    // Settled at 1, the record had come at -99; at 8 another, which had come at -92.
    measures(lag(), events, ['-a------a-', '-----x----y----z----_'], { x: 104, y: 102, z: 107 }),
  );
  it('is that of the shard furthest behind', measures(lag(), events, ['-ab-', '-----x----y----_'], { x: 303, y: 308 }));
  it(
    'of a shard that has nothing to do is the time since it was looked at',
    measures(lag(), events, ['-a--e----e-', '-----x----x----y----_'], { x: 1, y: 6 }),
  );
  it(
    'grows for as long as records wait, also when nothing happens any more',
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('-A-', events).pipe(lag()), '^ 23ms !').toBe('-----a----b----c----d---', { a: 104, b: 109, c: 114, d: 119 });
    }),
  );
  it(
    'is at least the time since a shard was heard of, of which nothing is settled yet, or of which Kinesis did not say when it came',
    measures(lag(), events, ['-p-----n-', '-----a----b----c----_'], { a: 4, b: 9, c: 14 }),
  );
  it(
    'of a page without records says nothing while blocks are open',
    measures(lag(), events, ['-A---E---a-', '-----x----y----z----_'], { x: 104, y: 101, z: 106 }),
  );
  it('ends with the release of the shard, and with the stop of its stream', () => {
    measures(lag(), events, ['-A-r-', '-----_'])();
    measures(lag(), events, ['-A-S-', '-----_'])();
  });
  it(
    'hears nothing of a shard in the outcome of a write that was under way when the shard was released',
    measures(lag(), events, ['-A-r----w-', '-----_']),
  );
  it(
    'without a shard that is released goes on with the others',
    measures(lag(), events, ['-Ab-r-', '-----x----y----_'], { x: 303, y: 308 }),
  );
});
