import { expect } from 'chai';
import { VirtualTimeScheduler } from 'rxjs';
import type { KinesisEvent, UntimedEvent } from '../../lib/monitoring/events.js';
import { eventSink } from '../../lib/monitoring/eventSink.js';
import type { EventsConfig } from '../../lib/monitoring/sinkOf.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

const event: UntimedEvent = { type: 'shardEndReached', streamName: 'flights', shardId: 'shardId-000000000000' };

describe('eventSink', () => {
  it("says of each event when it happened, by the scheduler's clock", () => {
    const scheduler = new VirtualTimeScheduler();
    const told: KinesisEvent[] = [];
    const sink = eventSink({ next: (value) => void told.push(value) }, scheduler);
    scheduler.frame = 5;
    sink(event);
    scheduler.frame = 8;
    sink(event);
    expect(told).to.deep.equal([
      { at: 5, ...event },
      { at: 8, ...event },
    ]);
  });

  it('ignores what an observer throws', () => {
    const sink = eventSink({ next: () => expect.fail('thrown') }, new VirtualTimeScheduler());
    expect(() => sink(event)).not.to.throw();
  });

  it('catches what an async observer rejects with', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const observer = { next: (): void => Promise.reject(new Error('async')) as never };
      eventSink(observer, new VirtualTimeScheduler())(event);
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('unhandledRejection', note);
    }
    expect(unhandled).to.deep.equal([]);
  });

  for (const [what, events] of Object.entries({ null: null, 'another word': 'silnet', 'no observer': {}, 'a function': () => undefined })) {
    it(`refuses ${what}`, () => {
      const thrown = thrownBy(() => eventSink(events as EventsConfig, new VirtualTimeScheduler()));
      expect(thrown).to.satisfy(isInvalidConfig);
      expect((thrown as Error).message).to.match(/^events: expected an observer .* or 'silent'$/);
    });
  }
});
