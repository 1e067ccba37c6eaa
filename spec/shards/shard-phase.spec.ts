import { expect } from 'chai';
import fc from 'fast-check';
import {
  isReleaseReason,
  outcomeOf,
  phaseOf,
  releasedAs,
  waitsForUnclaimed,
  type ShardFacts,
  type SubscriptionState,
} from '../../lib/shards/shard-phase.js';

const START = { type: 'TRIM_HORIZON' } as const;

/** A shard that is being read, subscribed and tracked, with a store; nothing of it is in flight. */
const READING: ShardFacts = {
  isLost: false,
  hasWorkBehind: false,
  isStopping: false,
  isCutShort: false,
  isOpening: false,
  start: START,
  subscription: 'active',
  resumes: false,
  isSupervised: false,
  isDrained: false,
  hasEnded: false,
  isSettled: true,
  isTracked: true,
  hasOpenEntries: false,
  hasStore: true,
};

const WORK = { isSettled: false, hasOpenEntries: true } as const;
const STOPPING = { isStopping: true } as const;
const CUT_SHORT = { isCutShort: true, subscription: 'unsubscribe' } as const;
const ENDED = { hasEnded: true, subscription: 'complete' } as const;

/** The truth table: what differs from {@link READING}, and what follows. */
const TABLE: ReadonlyArray<[why: string, facts: Partial<ShardFacts>, phase: ReturnType<typeof phaseOf>]> = [
  ['it is opened and read', {}, 'reading'],
  ['it is read, with work in flight', WORK, 'reading'],
  ['nobody subscribes it yet', { subscription: 'none' }, 'reading'],
  ['its reading failed and nobody subscribes it again yet', { subscription: 'error' }, 'reading'],
  ['its subscriber is gone', { subscription: 'unsubscribe', ...WORK }, 'reading'],
  ['it completed without an end (`take`)', { subscription: 'complete' }, 'reading'],

  ['its pipeline was cut short, and all is settled', { ...CUT_SHORT }, 'stopped'],
  ['its pipeline was cut short, and it says that nothing more will settle', { ...CUT_SHORT, ...WORK, isDrained: true }, 'stopped'],
  ['its pipeline was cut short, and the work behind it goes on', { ...CUT_SHORT, ...WORK }, 'draining'],
  ['its pipeline was cut short, and recoverFrom is about to subscribe again', { ...CUT_SHORT, resumes: true }, 'draining'],
  ['its pipeline was cut short, and another runs', { ...CUT_SHORT, isSupervised: true }, 'draining'],

  ['nobody has opened it', { start: undefined, subscription: 'none' }, 'waiting'],
  ['opening failed', { start: undefined, subscription: 'error' }, 'waiting'],
  ['the store is asked', { start: undefined, isOpening: true }, 'opening'],

  ['it is read to its end, and all is settled', ENDED, 'ended'],
  ['it is read to its end, with work in flight', { ...ENDED, ...WORK }, 'draining'],
  ['it is read to its end, with records in no block', { ...ENDED, isSettled: false }, 'draining'],
  ['it is read to its end, and its pipeline still runs', { ...ENDED, isSupervised: true }, 'draining'],
  [
    'it is read to its end, nobody tracks it, and there is no store',
    { ...ENDED, isSettled: false, isTracked: false, hasStore: false },
    'ended',
  ],
  ['it is read to its end, nobody tracks it, and there is a store', { ...ENDED, isSettled: false, isTracked: false }, 'draining'],
  [
    'it is read to its end, untracked without a store, in a pipeline',
    { ...ENDED, isSettled: false, isTracked: false, hasStore: false, isSupervised: true },
    'draining',
  ],
  ['it was read to its end before', { start: 'done', subscription: 'none' }, 'ended'],
  ['it is older than what is asked for', { start: 'skipped', subscription: 'none' }, 'ended'],

  ['stop fires while it is read', STOPPING, 'draining'],
  ['stop fires before anybody opened it', { ...STOPPING, start: undefined, subscription: 'none' }, 'stopped'],
  ['stop fires while it is being opened for a subscriber', { ...STOPPING, start: undefined, isOpening: true }, 'draining'],
  ['stop fires before anybody subscribed it', { ...STOPPING, subscription: 'none' }, 'stopped'],
  ['it is stopped, and all is settled', { ...STOPPING, subscription: 'complete' }, 'stopped'],
  ['it is stopped, with work in flight', { ...STOPPING, subscription: 'complete', ...WORK }, 'draining'],
  [
    'it is stopped, with work in flight, and the pipeline says that it is over',
    { ...STOPPING, subscription: 'complete', ...WORK, isDrained: true },
    'stopped',
  ],
  ['it is stopped, and nobody tracks it', { ...STOPPING, subscription: 'complete', isSettled: false, isTracked: false }, 'stopped'],
  ['it is stopped, and its pipeline still runs', { ...STOPPING, subscription: 'complete', isSupervised: true }, 'draining'],
  [
    'it is stopped after a failure, and recoverFrom is about to subscribe',
    { ...STOPPING, subscription: 'error', resumes: true },
    'draining',
  ],
  ['it is stopped after a failure', { ...STOPPING, subscription: 'error', ...WORK }, 'stopped'],
  ['it is stopped after it was unsubscribed', { ...STOPPING, subscription: 'unsubscribe', ...WORK }, 'stopped'],
  [
    'it is stopped, and what its failed pipeline has passed on is being worked on',
    { ...STOPPING, subscription: 'error', ...WORK, hasWorkBehind: true },
    'draining',
  ],
  ['it is stopped and read to its end', { ...STOPPING, ...ENDED }, 'ended'],

  ['another worker has it', { isLost: true }, 'lost'],
  ['another worker has it, whatever else holds', { isLost: true, ...STOPPING, ...ENDED, ...WORK }, 'lost'],
  ['another worker has it before it is opened', { isLost: true, start: undefined, subscription: 'none' }, 'lost'],
  ['another worker has what was read to its end before', { isLost: true, start: 'done' }, 'lost'],
];

const anyFacts: fc.Arbitrary<ShardFacts> = fc.record({
  isLost: fc.boolean(),
  isStopping: fc.boolean(),
  isCutShort: fc.boolean(),
  isOpening: fc.boolean(),
  start: fc.constantFrom(undefined, START, 'done' as const, 'skipped' as const),
  subscription: fc.constantFrom<SubscriptionState>('none', 'active', 'complete', 'error', 'unsubscribe'),
  resumes: fc.boolean(),
  isSupervised: fc.boolean(),
  isDrained: fc.boolean(),
  hasWorkBehind: fc.boolean(),
  hasEnded: fc.boolean(),
  isSettled: fc.boolean(),
  isTracked: fc.boolean(),
  hasOpenEntries: fc.boolean(),
  hasStore: fc.boolean(),
});

describe('phaseOf', () => {
  for (const [why, facts, phase] of TABLE) {
    it(`is ${phase} when ${why}`, () => {
      expect(phaseOf({ ...READING, ...facts })).to.equal(phase);
    });
  }

  it('never releases a shard of another worker for another reason, nor one whose pipeline runs as ended or stopped', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const phase = phaseOf(facts);
        if (facts.isLost) expect(phase).to.equal('lost');
        else if (typeof facts.start !== 'string' && facts.isSupervised) expect(isReleaseReason(phase)).to.equal(false);
      }),
    );
  });

  it('stops nothing without stop, and ends nothing before its end is read', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const phase = phaseOf(facts);
        if (phase === 'stopped') expect(facts.isStopping || facts.isCutShort).to.equal(true);
        if (phase === 'ended') expect(facts.hasEnded || typeof facts.start === 'string').to.equal(true);
      }),
    );
  });

  it('goes on for a shard with unsettled work that its stream has not been asked to stop', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        fc.pre(
          !facts.isLost && !facts.isStopping && !facts.isCutShort && facts.hasStore && !facts.isSettled && typeof facts.start !== 'string',
        );
        expect(isReleaseReason(phaseOf(facts))).to.equal(false);
      }),
    );
  });
});

describe('waitsForUnclaimed', () => {
  const unclaimed = { ...READING, ...STOPPING, subscription: 'complete', isSettled: false } as const;
  const cases: ReadonlyArray<[string, Partial<ShardFacts>, boolean]> = [
    ['all blocks are settled', {}, true],
    ['stop has not fired', { isStopping: false }, false],
    ['a block is being worked on', { hasOpenEntries: true }, false],
    ['a pipeline runs', { isSupervised: true }, false],
    ['recoverFrom is about to subscribe', { resumes: true }, false],
    ['the shard is still subscribed', { subscription: 'active' }, false],
    ['its pipeline was cut short, and has unsubscribed it', { isStopping: false, ...CUT_SHORT }, true],
    ['its pipeline was cut short, and a block is being worked on', { isStopping: false, ...CUT_SHORT, hasOpenEntries: true }, false],
  ];
  for (const [when, facts, waits] of cases) {
    it(`is ${waits} when ${when}`, () => {
      expect(waitsForUnclaimed({ ...unclaimed, ...facts })).to.equal(waits);
    });
  }
});

describe('releasedAs', () => {
  const cases: ReadonlyArray<[...Parameters<typeof releasedAs>, ReturnType<typeof releasedAs>]> = [
    ['ended', { isLost: false, isWritten: true }, 'ended'],
    ['ended', { isLost: false, isWritten: false }, 'stopped'],
    ['ended', { isLost: true, isWritten: true }, 'lost'],
    ['stopped', { isLost: false, isWritten: true }, 'stopped'],
    ['stopped', { isLost: false, isWritten: false }, 'stopped'],
    ['stopped', { isLost: true, isWritten: false }, 'lost'],
    ['lost', { isLost: true, isWritten: false }, 'lost'],
  ];
  for (const [reason, facts, expected] of cases)
    it(`makes of ${reason}, ${facts.isLost ? 'lost' : 'held'} and ${facts.isWritten ? 'written' : 'not written'}: ${expected}`, () => {
      expect(releasedAs(reason, facts)).to.equal(expected);
    });
});

describe('outcomeOf', () => {
  const checkpoint = { streamName: 'stream', shardId: 'shard', sequenceNumber: '1', subSequenceNumber: 0 };
  const moment = { type: 'AT_TIMESTAMP', timestamp: new Date(5) } as const;
  const cases: ReadonlyArray<[string, Parameters<typeof outcomeOf>, ReturnType<typeof outcomeOf>]> = [
    ['a stopped shard', ['stopped', { checkpoint, start: START, isCutShort: false }], undefined],
    ['a shard that its pipeline left', ['stopped', { checkpoint, start: START, isCutShort: true }], 'left'],
    ['a shard that its pipeline left, and that was taken meanwhile', ['lost', { checkpoint, start: START, isCutShort: true }], undefined],
    ['a shard that was never opened', ['ended', { isCutShort: false }], 'read'],
    ['a lost shard', ['lost', { checkpoint, start: START, isCutShort: false }], undefined],
    ['a shard read from its beginning', ['ended', { checkpoint: undefined, start: START, isCutShort: false }], 'resumed'],
    ['a shard read from a checkpoint', ['ended', { checkpoint, start: moment, isCutShort: false }], 'resumed'],
    ['a shard read from a moment on', ['ended', { checkpoint: undefined, start: moment, isCutShort: false }], 'read'],
    ['a shard that was done before', ['ended', { checkpoint, start: 'done', isCutShort: false }], 'resumed'],
    ['a shard that was skipped', ['ended', { checkpoint: undefined, start: 'skipped', isCutShort: false }], 'skipped'],
  ];
  for (const [what, args, outcome] of cases) {
    it(`tells the children of ${what}: ${outcome ?? 'nothing'}`, () => {
      expect(outcomeOf(...args)).to.equal(outcome);
    });
  }
});
