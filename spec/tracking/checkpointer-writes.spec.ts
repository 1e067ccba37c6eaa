import { expect } from 'chai';
import { asyncScheduler, EMPTY, NEVER, of, Subject, throwError, type Observable } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { CheckpointError, isCheckpointError } from '../../lib/checkpoints/errors.js';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import { storedInstead } from '../../lib/tracking/checkpoint-content.js';
import { Checkpointer } from '../../lib/tracking/checkpointer.js';
import type { EventSink, UntimedEvent } from '../../lib/monitoring/events.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { checkpointOf, shardNamed } from '../support/checkpoint-store-contract.js';
import type { ShardIdentity } from '../../lib/values/shard-id.js';

const shard = shardNamed();
const place = { streamName: shard.streamName, shardId: shard.shardId };
const at = (sequenceNumber: number | string): Checkpoint => checkpointOf(shard, String(sequenceNumber));
const shortOf = (event: UntimedEvent): string => `${event.type} ${'sequenceNumber' in event ? event.sequenceNumber : ''}`;

function checkpointerOf(store: CheckpointStore, current: () => Checkpoint | undefined, notify?: EventSink): Checkpointer {
  return new Checkpointer({
    ...{ identity: () => shard, store, current, requestTimeoutMs: Infinity, scheduler: asyncScheduler },
    ...{ notify: notify ?? (() => undefined), lose: () => undefined },
  });
}

/** A writer over a store whose writes are those given, one after the other. */
function writerOver(writes: ReadonlyArray<Observable<unknown>>, written?: Checkpoint) {
  const asked: string[] = [];
  const events: UntimedEvent[] = [];
  const state: { current: Checkpoint | undefined; onEvent: () => void } = { current: at(5), onEvent: () => undefined };
  const store: CheckpointStore = {
    read: () => EMPTY,
    write: (checkpoint, { shardId }: ShardIdentity) => {
      expect(shardId).to.equal(shard.shardId);
      asked.push(checkpoint.sequenceNumber);
      return writes[asked.length - 1] ?? EMPTY;
    },
  };
  const notify = (event: UntimedEvent): void => {
    events.push(event);
    state.onEvent();
  };
  const writer = checkpointerOf(store, () => state.current, notify);
  if (written) writer.restore(written);
  return { writer, asked, events, state };
}

describe('Checkpointer, writing,', () => {
  it(
    'writes what is new, emits it when it is durable, and tells of it',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const write = cold('  --a-|   ');
      const subs = '        ^---!   ';
      const expected = '    ----(5|)';
      const { writer, events } = writerOver([write]);

      expectObservable(writer.write()).toBe(expected, { 5: at(5) });
      expectSubscriptions(write.subscriptions).toBe(subs);
      flush();

      const { streamName, shardId } = shard;
      expect(events).to.deep.equal([{ type: 'checkpointWritten', streamName, shardId, sequenceNumber: '5', subSequenceNumber: 0 }]);
      expect(writer.isDue()).to.equal(false);
    }),
  );

  it('does nothing until it is subscribed', () => {
    const { writer, asked } = writerOver([]);
    void writer.write();
    expect(asked).to.deep.equal([]);
  });

  describe('completes at once without a write', () => {
    const cases: Record<string, readonly [current: Checkpoint | undefined, written: Checkpoint | undefined]> = {
      'when there is nothing yet': [undefined, undefined],
      'when the store holds it already': [at(5), at(5)],
      'when the store is ahead': [at(5), at(10)],
      'when the shard is done in the store': [at(5), at('SHARD_END')],
    };
    for (const [when, [current, written]] of Object.entries(cases)) {
      it(
        when,
        marbles(({ expectObservable }) => {
          const { writer, asked, state } = writerOver([], written);
          state.current = current;
          expect(writer.isDue()).to.equal(false);
          expectObservable(writer.write()).toBe('|');
          expect(asked).to.deep.equal([]);
        }),
      );
    }
  });

  it('writes only ahead: numbers compare as numbers (regression: as strings)', () => {
    const { writer, asked, state } = writerOver([], at(9));
    for (const next of [10, 8, 10, 100, 20, 'SHARD_END', 200]) {
      state.current = at(next);
      writer.write().subscribe();
    }
    expect(asked).to.deep.equal(['10', '100', 'SHARD_END']);
  });

  describe('when the store refuses what goes back', () => {
    const back = new CheckpointError('a checkpoint must not go back', { ...place, retriable: false });
    const refusing = (stored$: Observable<Checkpoint | undefined>) => {
      const events: UntimedEvent[] = [];
      const writer = new Checkpointer({
        ...{ identity: () => shard, requestTimeoutMs: Infinity, scheduler: asyncScheduler, lose: () => undefined },
        current: () => ({ ...at(5), shardStart: '1' }),
        notify: (event) => void events.push(event),
        store: { read: () => EMPTY, write: () => throwError(() => back) },
        storedInstead: (checkpoint, refusal) => storedInstead(checkpoint, refusal, stored$),
        reasonOf: () => 'fatal',
      });
      const seen: unknown[] = [];
      writer.write().subscribe({ next: (value) => seen.push(value), error: (error: unknown) => seen.push(error) });
      return { seen, events: events.map(shortOf), isDue: writer.isDue() };
    };

    it('takes what a late write has stored for written, if it is further', () => {
      const stored = { ...at(7), shardStart: '1' };
      expect(refusing(of(stored))).to.deep.equal({ seen: [stored], events: [], isDue: false });
    });

    for (const [what, stored$] of [
      ['of another shard of this name', of({ ...at(7), shardStart: '2' })],
      ['no further', of(at(5))],
      ['nothing', of(undefined)],
      ['not known, since the store cannot be read', throwError(() => new Error('no'))],
    ] as const)
      it(`errors if what the store holds is ${what}`, () => {
        expect(refusing(stored$)).to.deep.equal({ seen: [back], events: ['checkpointFailed 5'], isDue: true });
      });
  });

  it(
    'makes one write at a time: who asks meanwhile gets that one, then what is new since',
    marbles(({ cold, scheduler, expectObservable, expectSubscriptions }) => {
      const first = cold('  ----|           ');
      const firstSubs = '   ^---!           ';
      const second = cold('     ---|        ');
      const secondSubs = '  ----^--!        ';
      const expected1 = '   ----(5|)        ';
      const expected2 = '   ----5--(7|)     ';
      const { writer, state } = writerOver([first, second]);
      scheduler.schedule(() => (state.current = at(7)), 2);

      expectObservable(writer.write(), '^').toBe(expected1, { 5: at(5) });
      expectObservable(writer.write(), '-^').toBe(expected2, { 5: at(5), 7: at(7) });
      expectSubscriptions(first.subscriptions).toBe(firstSubs);
      expectSubscriptions(second.subscriptions).toBe(secondSubs);
    }),
  );

  it(
    'lets any number wait for one write',
    marbles(({ cold, expectObservable, flush }) => {
      const { writer, asked } = writerOver([cold('----|')]);
      for (const subscription of ['^', '-^', '--^', '---^']) expectObservable(writer.write(), subscription).toBe('----(5|)', { 5: at(5) });
      flush();
      expect(asked).to.deep.equal(['5']);
    }),
  );

  it(
    'does not cut a write short when nobody waits any more',
    marbles(({ cold, expectObservable, expectSubscriptions, flush }) => {
      const write = cold('  ----|');
      const subs = '        ^---!';
      const { writer, events } = writerOver([write]);

      expectObservable(writer.write(), '^-!').toBe('-----');
      expectSubscriptions(write.subscriptions).toBe(subs);
      flush();

      expect(events.map(shortOf)).to.deep.equal(['checkpointWritten 5']);
      expect(writer.isDue()).to.equal(false);
    }),
  );

  it(
    'errs when the write fails, tells of it, and writes the same again when asked again',
    marbles(({ cold, expectObservable, flush }) => {
      const refused = new CheckpointError('refused', { ...place, retriable: true });
      const { writer, events } = writerOver([cold('--#', {}, refused), cold('-|')]);

      expectObservable(writer.write()).toBe('     --#', {}, refused);
      expectObservable(writer.write(), '---^').toBe('----(5|)', { 5: at(5) });
      flush();

      const position = { ...place, sequenceNumber: '5', subSequenceNumber: 0 };
      expect(events).to.deep.equal([
        { type: 'checkpointFailed', ...position, reason: 'transient', error: refused },
        { type: 'checkpointWritten', ...position },
      ]);
    }),
  );

  it(
    'writes again for who asked during a write that fails, without the error',
    marbles(({ cold, expectObservable }) => {
      const refused = new CheckpointError('refused', { ...place, retriable: true });
      const { writer } = writerOver([cold('----#', {}, refused), cold('--|')]);

      expectObservable(writer.write()).toBe('      ----#       ', {}, refused);
      expectObservable(writer.write(), '-^').toBe('------(5|)', { 5: at(5) });
    }),
  );

  it('takes a store that throws for one whose write fails, and makes it an error of this package that does not quote it', () => {
    const error = Object.assign(new Error('thrown'), { code: 'ECONNRESET' });
    const store: CheckpointStore = {
      read: () => EMPTY,
      write: () => {
        throw error;
      },
    };
    const errors: unknown[] = [];
    const writer = checkpointerOf(store, () => at(5));
    for (let i = 0; i < 2; i++) writer.write().subscribe({ error: (e: unknown) => errors.push(e) });
    expect(errors).to.have.length(2);
    for (const caught of errors) {
      expect(caught)
        .to.satisfy(isCheckpointError)
        .and.include({ ...place, retriable: true });
      expect(caught).to.have.property(
        'message',
        `${place.streamName}/${place.shardId}: the checkpoint could not be written: Error (ECONNRESET)`,
      );
      expect(rawErrorOf(caught)).to.equal(error);
    }
  });

  for (const [kind, answer] of Object.entries({ promise: () => Promise.resolve(), array: () => [1, 2], observable: () => of(1, 2) })) {
    it(`takes a store whose write gives ${kind}`, async () => {
      const seen: unknown[] = [];
      const store: CheckpointStore = { read: () => EMPTY, write: answer };
      await checkpointerOf(store, () => at(5))
        .write()
        .forEach((checkpoint) => seen.push(checkpoint));
      expect(seen).to.deep.equal([at(5)]);
    });
  }

  it('may be asked again from within the event of a write', () => {
    const done = new Subject<void>();
    const { writer, asked, state } = writerOver([done, of(1)]);
    state.onEvent = () => {
      state.onEvent = () => undefined;
      state.current = at(6);
      writer.write().subscribe();
    };
    const seen: string[] = [];
    writer.write().subscribe({ next: ({ sequenceNumber }) => seen.push(sequenceNumber), complete: () => seen.push('|') });
    done.complete();

    expect(asked).to.deep.equal(['5', '6']);
    expect(seen).to.deep.equal(['5', '|']);
  });

  it('stays with what is new while a write never ends', () => {
    const { writer, asked, state } = writerOver([NEVER]);
    writer.write().subscribe();
    state.current = at(6);
    writer.write().subscribe();
    expect(writer.isDue()).to.equal(true);
    expect(asked).to.deep.equal(['5']);
  });

  it('is not held up by an error that nobody takes', () => {
    const { writer, asked } = writerOver([throwError(() => 'refused'), of(1)]);
    writer.write().subscribe({ error: () => undefined });
    writer.write().subscribe();
    expect(asked).to.deep.equal(['5', '5']);
    expect(writer.isDue()).to.equal(false);
  });
});
