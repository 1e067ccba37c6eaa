import { expect } from 'chai';
import { bufferTime, concatMap, delay, map, mergeMap, of, Subject, throwError, timer, type Observable } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { health } from '../../lib/monitoring/health.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { mergeShards, type RestartConfig } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles, type MarbleHelpers } from '../../lib/testing/marbles/marbles.js';
import type { Block } from '../../lib/values/block.js';
import { InvalidConfigError } from '../../lib/values/errors.js';
import { fakeLeases } from '../support/fake-leases.js';
import { fastReading, identityOf, numberOf, textsOf } from '../support/fast-reading.js';
import { timelineOf } from '../support/timeline.js';

interface HandOver {
  /** What the second block of shard 0 fails of, at 49 ms. @defaultValue a TypeError */
  readonly failure?: unknown;
  readonly restart?: RestartConfig;
  /** When `stop` emits; another worker asks for shard 0 at 40 ms. @defaultValue 200 */
  readonly stopAtMs?: number;
}

const TYPE_ERROR = new TypeError('of the user');

/** Reads shard 0, which another worker asks for, and shard 1. */
function handedOver({ scheduler, flush }: MarbleHelpers, { failure = TYPE_ERROR, restart = {}, stopAtMs = 200 }: HandOver = {}) {
  const inner = memoryCheckpoints();
  const asked$ = timer(40);
  const store = fakeLeases({
    scheduler,
    inner,
    taking: (take, shard) => take().pipe(map((lease) => (numberOf(shard) === 0 ? { ...lease, asked$ } : lease))),
  });
  const events = new Subject<KinesisEvent>();
  const told: string[] = [];
  events.subscribe(({ type, ...event }) => {
    if (['shardFailed', 'shardReleased', 'shardRestarted'].includes(type)) told.push(`${type} ${numberOf(event as never)}`);
  });
  const probes = timelineOf(health(events).pipe(map(({ reasons }) => reasons.join() || 'well')));
  const work = (block: Block): Observable<Block> =>
    textsOf(block.records) === 'b' ? timer(20).pipe(mergeMap(() => throwError(() => failure))) : of(block).pipe(delay(1));
  const kinesis = fakeKinesis({ shards: { 0: 'a^ 19ms b', 1: '^ 90ms c' } });
  const timeline = timelineOf(
    kinesisStream(fastReading(kinesis, { store, events, stop: timer(stopAtMs) })).pipe(
      mergeShards((shard) => shard.pipe(bufferTime(5), withSequenceRanges(), concatMap(work), checkpointEvery(1_000)), { restart }),
      map(({ records }) => textsOf(records)),
    ),
  );
  flush();
  const checkpoints: unknown[] = [];
  (inner.read(identityOf(0)) as Observable<{ sequenceNumber: string } | undefined>).subscribe((found) =>
    checkpoints.push(found?.sequenceNumber),
  );
  return { timeline, told, probes, checkpoints, log: store.log };
}

describe('mergeShards, with a pipeline that fails while its shard is handed over', () => {
  it(
    'releases the shard at its checkpoint, where its next owner restarts it, stays live, and ends without the error (regression: with it, and not live)',
    marbles((helpers) => {
      expect(handedOver(helpers)).to.deep.equal({
        timeline: ['9 a', '99 c', '202 complete'],
        told: ['shardRestarted 0', 'shardReleased 0', 'shardReleased 1'],
        probes: ['0 no shard is known yet', '1 well', '200 stream: stopping'],
        checkpoints: ['1'],
        log: ['2 take 0', '2 take 1', '49 write 0 1', '50 release 0', '201 write 1 3', '202 release 1'],
      });
    }),
  );

  it(
    'does so also when stop comes before the failure',
    marbles((helpers) => {
      const { timeline, told, checkpoints } = handedOver(helpers, { stopAtMs: 45 });
      expect({ timeline, told, checkpoints }).to.deep.equal({
        timeline: ['9 a', '50 complete'],
        told: ['shardReleased 1', 'shardRestarted 0', 'shardReleased 0'],
        checkpoints: ['1'],
      });
    }),
  );

  it(
    'ends with the error when stop was first: the hand-over is part of that',
    marbles((helpers) => {
      const { timeline, told, checkpoints } = handedOver(helpers, { stopAtMs: 35 });
      expect({ timeline, told, checkpoints }).to.deep.equal({
        timeline: ['9 a', '50 error TypeError: of the user'],
        told: ['shardReleased 1', 'shardFailed 0', 'shardReleased 0'],
        checkpoints: ['1'],
      });
    }),
  );

  const final: Record<string, [HandOver, string]> = {
    'with an error that is not retriable': [{ failure: new InvalidConfigError('of the user') }, '49 error INVALID_CONFIG'],
    'when its restarts are used up': [{ restart: { maxRestarts: 0 } }, '49 error TypeError: of the user'],
  };
  for (const [when, [config, end]] of Object.entries(final))
    it(
      `ends all at once ${when}, and is not live (regression: the error was kept until stop)`,
      marbles((helpers) => {
        const { timeline, told, probes, checkpoints } = handedOver(helpers, config);
        expect({ timeline, told, probes, checkpoints }).to.deep.equal({
          timeline: ['9 a', end],
          told: ['shardFailed 0', 'shardReleased 0', 'shardReleased 1'],
          probes: ['0 no shard is known yet', '1 well', '49 stream/shardId-000000000000: the pipeline failed for good'],
          checkpoints: ['1'],
        });
      }),
    );
});
