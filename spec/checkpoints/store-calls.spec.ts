import { expect } from 'chai';
import { EMPTY, lastValueFrom, NEVER, of, throwError, VirtualTimeScheduler } from 'rxjs';
import type { Checkpoint, CheckpointStore } from '../../lib/checkpoints/checkpoint-store.js';
import { isCheckpointError, LeaseLostError } from '../../lib/checkpoints/errors.js';
import { readCheckpoint, writeCheckpoint } from '../../lib/checkpoints/store-calls.js';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { checkpointOf, shardNamed } from '../support/checkpoint-store-contract.js';
import { rangeOf } from '../support/ranges.js';

const shard = shardNamed(undefined, { streamName: 'stream' });
const limits = { requestTimeoutMs: 1_000, scheduler: new VirtualTimeScheduler() };
const stored = checkpointOf(shard, '5');

const errorOf = (call: ReturnType<typeof readCheckpoint>): Promise<unknown> =>
  lastValueFrom(call, { defaultValue: undefined }).then(
    (value) => expect.fail(`no error but ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
const reading = (store: Partial<CheckpointStore>) => readCheckpoint({ read: () => EMPTY, write: () => EMPTY, ...store }, shard, limits);
const writing = (store: Partial<CheckpointStore>) =>
  writeCheckpoint({ read: () => EMPTY, write: () => EMPTY, ...store }, stored, shard, limits);

describe('what is settled beyond a checkpoint', () => {
  const read = (settledBeyond: unknown) => reading({ read: () => of({ ...stored, settledBeyond } as Checkpoint) });

  it('may be up to 100 ranges of the shard, in order and apart, behind the position', async () => {
    const ranges = Array.from({ length: 100 }, (_, i) => rangeOf(10 + 2 * i, `${10 + 2 * i}.3`, 2));
    expect(await lastValueFrom(read(ranges))).to.deep.equal({ ...stored, settledBeyond: ranges });
  });

  const malformed: Readonly<Record<string, unknown>> = {
    'more than 100 ranges': Array.from({ length: 101 }, (_, i) => rangeOf(10 + i, 10 + i, 1)),
    'no array': { length: 1 },
    'nothing where a range is due': [null],
    'a range of another shard': [rangeOf(6, 7, 2, { shardId: 'shardId-000000000001' })],
    'a range of another stream': [rangeOf(6, 7, 2, { streamName: 'other' })],
    'a range at the position': [rangeOf(5, 7, 2)],
    'a range before the position': [rangeOf(1, 2, 2)],
    'a range that ends before it begins': [rangeOf(9, 8, 2)],
    'ranges out of order': [rangeOf(8, 9, 2), rangeOf(6, 7, 2)],
    'ranges that overlap': [rangeOf(6, 8, 2), rangeOf(8, 9, 2)],
    'a word for an end': [rangeOf(6, 'SHARD_END', 2)],
    'no number for an end': [rangeOf(6, '10^129', 2)],
  };
  for (const [what, ranges] of Object.entries(malformed)) {
    it(`may not be ${what}, whatever the store`, async () => {
      expect(await errorOf(read(ranges))).to.satisfy(isInvalidValue);
    });
  }
});

describe('what a store says of unreleased blocks, and of where the shard begins,', () => {
  const at5 = { streamName: shard.streamName, shardId: shard.shardId, sequenceNumber: '5', subSequenceNumber: 0 };
  const malformed: Readonly<Record<string, object>> = {
    'blocks that are no array': { unreleased: 'x' },
    'a block that is none': { unreleased: [null] },
    'a block that has no ranges': { unreleased: [{}] },
    'a block whose ranges are none': { unreleased: [{ ranges: [] }] },
    'a range that is none': { unreleased: [{ ranges: [7] }] },
    'a range of another shard': { unreleased: [{ ranges: [rangeOf(1, 2, 2, { shardId: 'shardId-000000000001' })] }] },
    'a start that is no number': { shardStart: 'abc' },
    'a start that is no text': { shardStart: 1 },
  };
  for (const [what, fields] of Object.entries(malformed))
    it(`may not be ${what}`, async () => {
      expect(await errorOf(reading({ read: () => [{ ...at5, ...fields }] }))).to.satisfy(isInvalidValue);
    });

  it('is passed on as it is', async () => {
    const checkpoint = { ...at5, shardStart: '1', unreleased: [new SequenceNumberRanges([rangeOf(1, 2, 2)])] };
    expect(await lastValueFrom(reading({ read: () => [checkpoint] }))).to.equal(checkpoint);
  });
});

for (const [call, of, word] of [
  ['read', (answer: () => never) => reading({ read: answer }), 'read'],
  ['write', (answer: () => never) => writing({ write: answer }), 'written'],
] as const) {
  describe(`a ${call} of a store that fails`, () => {
    const failing = (error: unknown) => of(() => throwError(() => error) as never);

    it('with an error of its own becomes a CheckpointError that names it and does not quote it', async () => {
      const error = Object.assign(new Error('no connection to postgres://user:CANARY@host'), { code: 'ECONNREFUSED' });
      const caught = await errorOf(failing(error));
      expect(caught)
        .to.satisfy(isCheckpointError)
        .and.include({ ...{ streamName: shard.streamName, shardId: shard.shardId }, retriable: true });
      expect(caught).to.have.property('message', `stream/shardId-000000000000: the checkpoint could not be ${word}: Error (ECONNREFUSED)`);
      expect(rawErrorOf(caught)).to.equal(error);
    });

    it(`is ${call === 'read' ? 'not retriable when AWS says so by name' : 'retriable whatever it is, since a lost write costs most'}`, async () => {
      const denied = Object.assign(new Error(), { name: 'AccessDeniedException' });
      expect(await errorOf(failing(denied))).to.include({ retriable: call === 'write' });
      expect(await errorOf(failing(Object.assign(new Error(), { name: 'ThrottlingException' })))).to.include({ retriable: true });
    });

    it('with an error of this package errors with that', async () => {
      const error = new LeaseLostError(shard);
      expect(await errorOf(failing(error))).to.equal(error);
    });

    it('by not answering says so', () => {
      const scheduler = new VirtualTimeScheduler();
      const errors: unknown[] = [];
      const store: CheckpointStore = { read: () => NEVER, write: () => NEVER };
      const silent = { requestTimeoutMs: 1_000, scheduler };
      const call$ = call === 'read' ? readCheckpoint(store, shard, silent) : writeCheckpoint(store, stored, shard, silent);
      call$.subscribe({ error: (error: unknown) => errors.push(error) });
      scheduler.flush();
      expect(errors[0]).to.satisfy(isCheckpointError).and.include({ retriable: true });
      expect((errors[0] as Error).message).to.match(/the store: no answer within 1000 ms$/);
    });
  });
}
