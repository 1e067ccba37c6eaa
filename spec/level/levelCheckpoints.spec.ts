import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ClassicLevel } from 'classic-level';
import { MemoryLevel } from 'memory-level';
import { from } from 'rxjs';
import { isCheckpointError } from '../../lib/checkpoints/errors.js';
import { levelCheckpoints, type LevelDatabase } from '../../lib/level/index.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { SequenceNumberRanges } from '../../lib/values/sequence-range.js';
import { checkpointOf, checkpointStoreContract, errorOf, readFrom, shardNamed, writeTo } from '../support/checkpoint-store-contract.js';

const KEY = 'rx-kinesis/checkpoint/flights/shardId-000000000000';
const TRAITS = { holdsManyStreams: true };

const RANGE = {
  streamName: 'flights',
  shardId: 'shardId-000000000001',
  fromSeqNumber: '6',
  toSeqNumber: '7',
  fromSubSeqNumber: 0,
  toSubSeqNumber: 0,
  recordCount: 2,
};

describe('levelCheckpoints', () => {
  const shard = shardNamed();

  describe('over memory-level', () => {
    checkpointStoreContract(async () => {
      const db = new MemoryLevel();
      return { store: levelCheckpoints(db), reopen: async () => levelCheckpoints(db) };
    }, TRAITS);
  });

  describe('over a sublevel with other encodings', () => {
    checkpointStoreContract(async () => {
      const db = new MemoryLevel<string, object>({ valueEncoding: 'json' }).sublevel<Buffer, number[]>('part', {
        keyEncoding: 'buffer',
        valueEncoding: 'json',
      });
      return { store: levelCheckpoints(db) };
    }, TRAITS);
  });

  describe('over classic-level', () => {
    const opened: { db: ClassicLevel; directory: string }[] = [];

    afterEach(async () => {
      for (const { db, directory } of opened.splice(0)) {
        await db.close();
        await rm(directory, { recursive: true });
      }
    });

    checkpointStoreContract(async () => {
      const directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-level-'));
      const entry = { db: new ClassicLevel(directory), directory };
      opened.push(entry);
      const reopen = async () => {
        await entry.db.close();
        entry.db = new ClassicLevel(directory);
        return levelCheckpoints(entry.db);
      };
      return { store: levelCheckpoints(entry.db), reopen };
    }, TRAITS);
  });

  describe('what it stores', () => {
    it('is versioned JSON under an escaped key', async () => {
      const db = new MemoryLevel();
      const odd = shardNamed('shard/1', { streamName: 'a b' });
      await writeTo(levelCheckpoints(db), odd, checkpointOf(odd, '42', 7));

      expect(await db.iterator().all()).to.deep.equal([
        [
          'rx-kinesis/checkpoint/a%20b/shard%2F1',
          '{"version":1,"streamName":"a b","shardId":"shard/1","sequenceNumber":"42","subSequenceNumber":7}',
        ],
      ]);
    });

    it('is of a version that a reader without knowledge of unreleased blocks refuses, when there are some', async () => {
      const db = new MemoryLevel();
      const unreleased = [new SequenceNumberRanges([{ ...RANGE, shardId: shard.shardId }])];
      await writeTo(levelCheckpoints(db), shard, { ...checkpointOf(shard, '42'), unreleased });
      expect(JSON.parse((await db.get(KEY))!)).to.include({ version: 2 });
      await writeTo(levelCheckpoints(db), shard, checkpointOf(shard, '42'));
      expect(JSON.parse((await db.get(KEY))!)).to.include({ version: 1 });
    });

    it('is on the disk before the write completes', async () => {
      const options: unknown[] = [];
      const db: LevelDatabase = {
        get: async () => undefined,
        put: async (...args) => options.push(args[2]),
      };
      await writeTo(levelCheckpoints(db), shard, checkpointOf(shard, '1'));
      expect(options).to.deep.equal([{ keyEncoding: 'utf8', valueEncoding: 'utf8', sync: true }]);
    });
  });

  describe('a malformed entry', () => {
    const valid = { version: 1, streamName: 'flights', shardId: 'shardId-000000000000', sequenceNumber: '5', subSequenceNumber: 0 };
    const range = RANGE;
    const malformed: Record<string, string> = {
      'that is not JSON': '{"version":1,',
      'that is no object': 'null',
      'of another version': JSON.stringify({ ...valid, version: 3 }),
      'of another stream': JSON.stringify({ ...valid, streamName: 'trains' }),
      'of another shard': JSON.stringify({ ...valid, shardId: 'shardId-000000000001' }),
      'without a sequence number': JSON.stringify({ ...valid, sequenceNumber: undefined }),
      'at a place to begin': JSON.stringify({ ...valid, sequenceNumber: 'LATEST' }),
      'with a negative sub-sequence number': JSON.stringify({ ...valid, subSequenceNumber: -1 }),
      'with malformed ranges': JSON.stringify({ ...valid, settledBeyond: { version: 9, ranges: [] } }),
      'with a range that leaves its count out': JSON.stringify({
        ...valid,
        settledBeyond: { version: 1, ranges: [{ ...range, ...shard, recordCount: undefined }] },
      }),
      'with ranges of another shard': JSON.stringify({ ...valid, settledBeyond: { version: 1, ranges: [range] } }),
      'with unreleased blocks that are no array': JSON.stringify({ ...valid, version: 2, unreleased: { version: 1, ranges: [] } }),
      'with an unreleased block of another shard': JSON.stringify({ ...valid, version: 2, unreleased: [{ version: 1, ranges: [range] }] }),
      'with an unreleased block without ranges': JSON.stringify({ ...valid, version: 2, unreleased: [{ version: 1, ranges: [] }] }),
    };

    for (const [name, text] of Object.entries(malformed)) {
      it(`${name} is an error that names the shard and the key, and is not overwritten`, async () => {
        const db = new MemoryLevel();
        await db.put(KEY, text);
        const store = levelCheckpoints(db);

        for (const error of [await errorOf(readFrom(store, shard)), await errorOf(writeTo(store, shard, checkpointOf(shard, '9')))]) {
          expect(error).to.satisfy(isInvalidValue);
          expect((error as Error).message)
            .to.include('flights/shardId-000000000000')
            .and.include(KEY);
        }
        expect(await db.get(KEY)).to.equal(text);
      });
    }

    it('does not show its text', async () => {
      const db = new MemoryLevel();
      await db.put(KEY, 'secret');
      expect(String(await errorOf(readFrom(levelCheckpoints(db), shard)))).not.to.include('secret');
    });
  });

  describe('a failing database', () => {
    const failing = (error: unknown): LevelDatabase => ({ get: () => Promise.reject(error), put: () => Promise.reject(error) });
    const withCode = (code: string) => Object.assign(new Error('private text'), { code });

    it('is a retriable error when it is closed', async () => {
      const db = new MemoryLevel();
      await db.open();
      await db.close();
      const store = levelCheckpoints(db);

      for (const error of [await errorOf(readFrom(store, shard)), await errorOf(writeTo(store, shard, checkpointOf(shard, '1')))]) {
        expect(error).to.satisfy(isCheckpointError);
        expect(error).to.include({ retriable: true, streamName: 'flights', shardId: 'shardId-000000000000' });
        expect(error).to.have.nested.property('cause.code', 'LEVEL_DATABASE_NOT_OPEN');
      }
    });

    for (const [code, retriable] of [
      ['LEVEL_IO_ERROR', true],
      ['LEVEL_LOCKED', true],
      ['LEVEL_CORRUPTION', false],
    ] as const) {
      it(`${retriable ? 'may' : 'need not'} be tried again after ${code}`, async () => {
        const error = await errorOf(readFrom(levelCheckpoints(failing(withCode(code))), shard));
        expect(error).to.satisfy(isCheckpointError);
        expect(error).to.include({ retriable });
        expect((error as Error).message)
          .to.include(code)
          .and.not.include('private text');
      });
    }

    it('errs where the database throws instead', async () => {
      const db: LevelDatabase = {
        get: () => {
          throw withCode('LEVEL_IO_ERROR');
        },
        put: () => Promise.resolve(),
      };
      expect(await errorOf(readFrom(levelCheckpoints(db), shard))).to.include({ code: 'CHECKPOINT', retriable: true });
    });

    it('has no entry where an older abstract-level rejects with LEVEL_NOT_FOUND', async () => {
      expect(await readFrom(levelCheckpoints(failing(withCode('LEVEL_NOT_FOUND'))), shard)).to.equal(undefined);
    });
  });

  /** A database whose puts the test ends, and the sequence numbers that are put. */
  function pending() {
    const puts: string[] = [];
    const ends: (() => void)[] = [];
    const db: LevelDatabase = {
      get: async () => undefined,
      put: (_key, value) => {
        puts.push((JSON.parse(value) as { sequenceNumber: string }).sequenceNumber);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
    };
    return { puts, ends, db };
  }

  it('ends a write that is unsubscribed before it begins the next', async () => {
    const { puts, ends, db } = pending();
    const store = levelCheckpoints(db);

    const first = from(store.write(checkpointOf(shard, '1'), shard)).subscribe();
    await Promise.resolve();
    first.unsubscribe();
    const second = writeTo(store, shard, checkpointOf(shard, '2'));
    await new Promise(setImmediate);
    expect(puts).to.deep.equal(['1']);

    ends[0]?.();
    await new Promise(setImmediate);
    expect(puts).to.deep.equal(['1', '2']);
    ends[1]?.();
    await second;
  });

  it('says of a write behind one that the database never answers which that is, and writes again once it is answered', async () => {
    const { puts, ends, db } = pending();
    const store = levelCheckpoints(db);
    for (const sequenceNumber of ['1', '2']) {
      const write = from(store.write(checkpointOf(shard, sequenceNumber), shard)).subscribe();
      await new Promise(setImmediate);
      // As after a time limit.
      write.unsubscribe();
    }
    const error = await errorOf(writeTo(store, shard, checkpointOf(shard, '3')));
    expect(error).to.satisfy(isCheckpointError).and.include({ retriable: true, shardId: shard.shardId });
    expect((error as Error).message).to.include('it has not answered the write of 1');
    expect(await readFrom(store, shard)).to.equal(undefined);

    ends[0]!();
    await new Promise(setImmediate);
    const last = writeTo(store, shard, checkpointOf(shard, '4'));
    await new Promise(setImmediate);
    expect(puts).to.deep.equal(['1', '4']);
    ends[1]!();
    await last;
  });

  it('does not go back when two stores of one database write the same shard', async () => {
    const gets: (() => void)[] = [];
    const db = new MemoryLevel();
    const slow: LevelDatabase = {
      get: async (...args) => {
        const text = await db.get(...args);
        await new Promise<void>((resolve) => gets.push(resolve));
        return text;
      },
      put: (...args) => db.put(...args),
    };
    const older = writeTo(levelCheckpoints(slow), shard, checkpointOf(shard, '5'));
    const newer = writeTo(levelCheckpoints(slow), shard, checkpointOf(shard, '9'));
    for (let answered = 0; answered < 2;) {
      await new Promise(setImmediate);
      // The newest read is answered first.
      const answer = gets.pop();
      if (!answer) continue;
      answered++;
      answer();
    }
    await Promise.allSettled([older, newer]);
    expect(await readFrom(levelCheckpoints(db), shard)).to.deep.equal(checkpointOf(shard, '9'));
  });

  for (const value of [undefined, null, {}, { get: () => undefined }]) {
    it(`refuses ${JSON.stringify(value) ?? 'undefined'} as a database`, () => {
      expect(() => levelCheckpoints(value as never))
        .to.throw()
        .that.satisfies(isInvalidConfig);
    });
  }
});
