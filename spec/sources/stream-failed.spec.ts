import { expect } from 'chai';
import { bufferTime, concatMap, NEVER, Subject, throwError, timer } from 'rxjs';
import { ForeignCheckpointError } from '../../lib/checkpoints/errors.js';
import type { LeasingStore } from '../../lib/checkpoints/checkpoint-store.js';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { health, type Health } from '../../lib/monitoring/health.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import { kinesisStream, type KinesisStreamConfig } from '../../lib/sources/kinesisStream.js';
import type { FakeScript } from '../../lib/testing/kinesis/fake-script.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { fastReading } from '../support/fast-reading.js';

describe('the event streamFailed', () => {
  /** What a stream errors with, the errors of its events, and what health says in the end. */
  const outcome = (configOf: () => Partial<KinesisStreamConfig>, faults: FakeScript['faults'] = []) => {
    const errors: unknown[] = [];
    const told: unknown[] = [];
    const states: Health[] = [];
    marbles(({ flush }) => {
      const events = new Subject<KinesisEvent>();
      health(events).subscribe((state) => states.push(state));
      events.subscribe((event) => event.type === 'streamFailed' && told.push(event.error));
      kinesisStream(fastReading(fakeKinesis({ shards: { 0: 'ab^' }, faults }), { events, ...configOf() }))
        .pipe(
          mergeShards((shard) =>
            shard.pipe(
              bufferTime(5),
              withSequenceRanges(),
              concatMap(() => NEVER),
            ),
          ),
        )
        .subscribe({ error: (error: unknown) => errors.push(error) });
      flush();
    })();
    return { errors, told, health: states.at(-1) };
  };

  it('tells of a stream whose shards cannot be listed, and health is not live after it', () => {
    const { errors, told, health: last } = outcome(() => ({}), [{ method: 'listShards', error: 'AccessDeniedException', times: 99 }]);
    expect(errors).to.have.length(1);
    expect(told).to.deep.equal(errors);
    expect(last).to.deep.include({ live: false }).and.to.have.nested.property('reasons[0]', 'stream: the stream failed for good');
  });

  it('tells of a store that refuses the stream, before any shard is known', () => {
    const reason = 'another stream';
    const error = new ForeignCheckpointError({
      streamName: 'stream',
      shardId: '0',
      checkpoint: { sequenceNumber: '1', subSequenceNumber: 0 },
      shardStart: '5',
      reason,
    });
    const store: LeasingStore = { ...memoryCheckpoints(), leases: () => throwError(() => error), release: () => NEVER };
    expect(outcome(() => ({ store }))).to.deep.include({ errors: [error], told: [error] });
  });

  it('does not tell of a stop that ran out of time, which has an event of its own', () => {
    const { errors, told, health: last } = outcome(() => ({ stop: timer(50), stopTimeoutMs: 100, store: memoryCheckpoints() }));
    expect(errors).to.have.length(1).and.to.have.nested.property('[0].code', 'STOP_TIMEOUT');
    expect(told).to.deep.equal([]);
    expect(last?.reasons).to.include('stream: stop ran out of time');
  });
});
