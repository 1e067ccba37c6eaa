import { expect } from 'chai';
import { EMPTY } from 'rxjs';
import { kinesisStream } from '../../lib/sources/kinesisStream.js';
import { fakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { fastReading } from '../support/fast-reading.js';

describe('a call to Kinesis that completes without an answer', () => {
  for (const [call, type] of [
    ['listShards', 'discoveryFailed'],
    ['getShardIterator', 'readRetry'],
    ['getRecords', 'readRetry'],
  ] as const)
    it(
      `is a fault that is told and tried again, and then an error: ${call}`,
      marbles(({ flush }) => {
        const kinesis = { ...fakeKinesis({ shards: { 0: 'a' } }), [call]: () => EMPTY };
        const [events, errors]: [string[], unknown[]] = [[], []];
        const config = {
          retry: { maxRetries: 2, initialDelayMs: 1 },
          events: { next: (event: KinesisEvent) => void events.push(event.type) },
        };
        kinesisStream(fastReading(kinesis, config))
          .pipe(mergeShards((shard) => shard, { restart: { maxRestarts: 0 } }))
          .subscribe({ error: (error: unknown) => errors.push(error) });
        flush();
        expect(events.filter((one) => one === type)).to.have.length(2);
        expect(errors).to.have.length(1);
        expect(errors[0]).to.include({ code: 'SHARD_READ', retriable: true });
      }),
    );
});
