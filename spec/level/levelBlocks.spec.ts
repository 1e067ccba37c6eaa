import { expect } from 'chai';
import { ClassicLevel } from 'classic-level';
import { MemoryLevel } from 'memory-level';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { from } from 'rxjs';
import { encodeBlockSync } from '../../lib/blocks/block-codec.js';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { isBlockStoreError } from '../../lib/blocks/errors.js';
import { levelBlocks, levelCheckpoints, type LevelBlockDatabase } from '../../lib/level/index.js';
import { block, record } from '../../lib/testing/index.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { answerOf, blockStoreContract, idsIn } from '../support/block-store-contract.js';
import { checkpointOf, errorOf, shardNamed, writeTo } from '../support/checkpoint-store-contract.js';
import { sizedBlock } from '../support/sized-block.js';

const DATA = 'rx-kinesis/block/data/';
const INDEX = 'rx-kinesis/block/index/';

describe('levelBlocks', () => {
  describe('over memory-level', () => blockStoreContract(() => levelBlocks(new MemoryLevel())));

  describe('with compression', () => blockStoreContract(() => levelBlocks(new MemoryLevel(), { compress: true })));

  describe('over a sublevel with other encodings', () => {
    blockStoreContract(() =>
      levelBlocks(
        new MemoryLevel<string, object>({ valueEncoding: 'json' }).sublevel<Buffer, number[]>('part', {
          keyEncoding: 'buffer',
          valueEncoding: 'json',
        }),
      ),
    );
  });

  describe('over classic-level', () => {
    const opened: { db: ClassicLevel; directory: string }[] = [];

    afterEach(async () => {
      for (const { db, directory } of opened.splice(0)) {
        await db.close();
        await rm(directory, { recursive: true, force: true });
      }
    });

    async function openNew(): Promise<{ store: BlockStore; directory: string; reopen: () => Promise<BlockStore> }> {
      const directory = await mkdtemp(join(tmpdir(), 'rx-kinesis-blocks-'));
      const entry = { db: new ClassicLevel(directory), directory };
      opened.push(entry);
      const reopen = async () => {
        await entry.db.close();
        entry.db = new ClassicLevel(directory);
        await entry.db.open();
        return levelBlocks(entry.db);
      };
      return { store: levelBlocks(entry.db), directory, reopen };
    }

    blockStoreContract(async () => (await openNew()).store);

    it('has its blocks when the database is opened again', async () => {
      const { store, reopen } = await openNew();
      for (const n of [1, 2, 3]) await answerOf(store.put(sizedBlock(n)));
      await answerOf(store.delete(sizedBlock(2).id));

      const again = await reopen();
      expect(await idsIn(again)).to.deep.equal([sizedBlock(1).id, sizedBlock(3).id]);
      expect(await answerOf(again.get(sizedBlock(3).id))).to.deep.equal(sizedBlock(3));
    });

    /** The files that hold the blocks: the log, or the tables once the database was closed and opened. */
    async function dataFiles(directory: string): Promise<string[]> {
      const names = (await readdir(directory)).filter((name) => /\.(log|ldb)$/.test(name));
      return names.map((name) => join(directory, name));
    }

    /** What each of three blocks became: `'whole'`, `'lost'`, or what it must never be. */
    async function fates(store: BlockStore): Promise<string[]> {
      const listed = await idsIn(store).catch(() => []);
      return Promise.all(
        [1, 2, 3].map(async (n) => {
          const expected = sizedBlock(n);
          const got = await answerOf(store.get(expected.id)).catch((error: unknown) => {
            if (!isInvalidValue(error) && !isBlockStoreError(error)) throw error;
          });
          if (!got) return 'lost';
          expect(got).to.deep.equal(expected);
          expect(listed, 'a block that is there is listed').to.include(expected.id);
          return 'whole';
        }),
      );
    }

    it('has every block or none of it, wherever its log is cut', async function () {
      this.timeout(60_000);
      const { store, directory, reopen } = await openNew();
      const sizes: number[] = [];
      let log = '';
      for (const n of [1, 2, 3]) {
        await answerOf(store.put(sizedBlock(n)));
        [log] = (await dataFiles(directory)) as [string];
        sizes.push((await stat(log)).size);
      }
      const saved = await readFile(log);
      await opened[0]!.db.close();
      const others = new Map<string, Buffer>();
      for (const name of await readdir(directory)) others.set(name, await readFile(join(directory, name)));

      for (const length of [0, 1, 9, sizes[0]! - 1, sizes[0]!, sizes[0]! + 1, sizes[1]! - 7, sizes[1]! + 5_000, sizes[2]! - 1, sizes[2]!]) {
        await opened[0]!.db.close();
        await rm(directory, { recursive: true });
        await mkdir(directory);
        for (const [name, bytes] of others) await writeFile(join(directory, name), bytes);
        await writeFile(log, saved.subarray(0, length));
        const kept = sizes.filter((size) => size <= length).length;
        const expected = ['lost', 'lost', 'lost'].fill('whole', 0, kept);
        expect(await fates(await reopen()), `cut at ${length}`).to.deep.equal(expected);
      }
    });

    it('gives no wrong block, whichever byte of its files is flipped', async function () {
      this.timeout(60_000);
      const { store, directory, reopen } = await openNew();
      for (const n of [1, 2, 3]) await answerOf(store.put(sizedBlock(n)));
      let lost = 0;
      const [log] = (await dataFiles(directory)) as [string];
      const saved = await readFile(log);
      for (let i = 0; i < 20; i++) {
        await opened[0]!.db.close();
        for (const file of await dataFiles(directory)) await rm(file);
        await writeFile(log, saved);
        const file = await open(log, 'r+');
        const at = Math.floor((saved.byteLength * (i + 0.5)) / 20);
        await file.write(Uint8Array.of(saved[at]! ^ 0x10), 0, 1, at);
        await file.close();
        const again = await reopen().catch((error: unknown) => {
          // The database itself may refuse to open: then nothing was believed either.
          expect(error)
            .to.have.property('code')
            .that.matches(/^LEVEL_/);
        });
        if (again) lost += (await fates(again)).filter((fate) => fate === 'lost').length;
        else await rm(join(directory, 'CURRENT'), { force: true });
      }
      expect(lost).to.be.above(0);
    });

    it('calls blocks lost when their files are gone, and takes new ones after the database is opened anew', async () => {
      const { store, directory, reopen } = await openNew();
      for (const n of [1, 2, 3]) await answerOf(store.put(sizedBlock(n)));
      await opened[0]!.db.close();
      await rm(directory, { recursive: true });

      const again = await reopen();
      expect(await fates(again)).to.deep.equal(['lost', 'lost', 'lost']);
      await answerOf(again.put(sizedBlock(2)));
      expect(await fates(again)).to.deep.equal(['lost', 'whole', 'lost']);
    });

    it('leaves no data of a deleted block in its files once they are compacted', async function () {
      this.timeout(30_000);
      const { store, directory } = await openNew();
      for (let n = 1; n <= 50; n++) await answerOf(store.put(sizedBlock(n, 100_000)));
      const sizeNow = async () =>
        (await Promise.all((await dataFiles(directory)).map(async (file) => (await stat(file)).size))).reduce((a, b) => a + b, 0);
      const before = await sizeNow();
      for (let n = 1; n <= 50; n++) await answerOf(store.delete(sizedBlock(n, 100_000).id));
      await opened[0]!.db.compactRange('', '~');

      expect(before).to.be.above(2_000_000);
      expect(await sizeNow()).to.be.below(before / 10);
      expect(await opened[0]!.db.keys().all()).to.deep.equal([]);
    });
  });

  describe('what it stores', () => {
    const one = block(record(1, { streamName: '..b' }));
    const name = '!2e.b!2fshardId-000000000000!2f1-1!2f1';

    it('is the block under one key and its ranges, as JSON, under another', async () => {
      const db = new MemoryLevel();
      await answerOf(levelBlocks(db).put(one));
      expect(await db.keys().all()).to.deep.equal([DATA + name, INDEX + name]);
      expect(await db.get(DATA + name, { valueEncoding: 'view' })).to.deep.equal(Buffer.from(encodeBlockSync(one)));
      expect(JSON.parse((await db.get(INDEX + name))!)).to.deep.equal({ version: 1, ranges: JSON.parse(JSON.stringify(one.ranges)) });
    });

    it('is written and deleted in one batch that is on the disk', async () => {
      const batches: { changes: unknown[]; options: unknown }[] = [];
      const db: LevelBlockDatabase = {
        get: async () => undefined,
        batch: async (changes, options) => batches.push({ changes: (changes as { type: string }[]).map(({ type }) => type), options }),
        keys: () => (async function* () {})(),
      };
      await answerOf(levelBlocks(db).put(one));
      await answerOf(levelBlocks(db).delete(one.id));
      expect(batches).to.deep.equal([
        { changes: ['put', 'put'], options: { sync: true } },
        { changes: ['del', 'del'], options: { sync: true } },
      ]);
    });

    it('stands beside the checkpoints and what else is in the database', async () => {
      const db = new MemoryLevel();
      const shard = shardNamed();
      await writeTo(levelCheckpoints(db), shard, checkpointOf(shard, '1'));
      await db.put('rx-kinesis/block/index0', 'after the index');
      await db.put(`${INDEX}%2e%2e`, 'foreign');
      await db.put(`${INDEX}..`, 'foreign');
      await answerOf(levelBlocks(db).put(one));
      expect(await idsIn(levelBlocks(db))).to.deep.equal([one.id]);
    });
  });

  describe('an entry that somebody else wrote', () => {
    const one = block(1, 2);
    const key = `${DATA}stream!2fshardId-000000000000!2f1-2!2f2`;
    const entries: Readonly<Record<string, Uint8Array>> = {
      'that is empty': new Uint8Array(),
      'that is text': Buffer.from('secret'),
      'of another block': encodeBlockSync(block(3)),
      'that is cut': encodeBlockSync(one).subarray(0, -1),
    };
    for (const [name, bytes] of Object.entries(entries)) {
      it(`${name} is no block, and is not shown`, async () => {
        const db = new MemoryLevel();
        const store = levelBlocks(db);
        await answerOf(store.put(one));
        await db.put(key, bytes, { valueEncoding: 'view' });
        const error = await errorOf(answerOf(store.get(one.id)));
        expect(error).to.satisfy(isInvalidValue);
        expect(String(error)).not.to.include('secret');
      });
    }
  });

  describe('a failing database', () => {
    const failing = (code: string): LevelBlockDatabase => {
      const reject = () => Promise.reject(Object.assign(new Error('private text'), { code }));
      return { get: reject, batch: reject, keys: () => ({ [Symbol.asyncIterator]: () => ({ next: reject }) }) };
    };

    for (const [code, retriable] of [
      ['LEVEL_IO_ERROR', true],
      ['LEVEL_LOCKED', true],
      ['LEVEL_DATABASE_NOT_OPEN', true],
      ['LEVEL_CORRUPTION', false],
    ] as const) {
      it(`${retriable ? 'may' : 'need not'} be asked again after ${code}`, async () => {
        const store = levelBlocks(failing(code));
        for (const call of [store.put(block(1)), store.get('x'), store.delete('x'), store.list()]) {
          const error = await errorOf(answerOf<unknown>(call));
          expect(error).to.satisfy(isBlockStoreError);
          expect(error).to.include({ fault: 'failed', retriable });
          expect((error as Error).message)
            .to.include(code)
            .and.not.include('private text');
        }
      });
    }

    it('has nothing where an older abstract-level rejects with LEVEL_NOT_FOUND', async () => {
      expect(await answerOf(levelBlocks(failing('LEVEL_NOT_FOUND')).get('x'))).to.equal(undefined);
    });

    it('that is closed is an error that passes', async () => {
      const db = new MemoryLevel();
      await db.open();
      await db.close();
      expect(await errorOf(answerOf(levelBlocks(db).put(block(1))))).to.include({ code: 'BLOCK_STORE', retriable: true });
    });
  });

  /** A database whose batches the test ends, and what they do. */
  function pending() {
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const db: LevelBlockDatabase = {
      get: async () => undefined,
      batch: (changes) => {
        begun.push((changes as { type: string }[])[0]!.type);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
      keys: () => (async function* () {})(),
    };
    return { begun, ends, db };
  }

  for (const [name, deleting] of [
    ['', (_db, store) => store],
    [', also by another store of the database', (db) => levelBlocks(db)],
  ] as readonly [name: string, deleting: (db: LevelBlockDatabase, store: BlockStore) => BlockStore][]) {
    it(`ends a put that is unsubscribed before the delete of the same block begins${name}`, async () => {
      const { begun, ends, db } = pending();
      const store = levelBlocks(db);
      from(store.put(block(1)))
        .subscribe()
        .unsubscribe();
      const deleted = answerOf(deleting(db, store).delete(block(1).id));
      expect(begun).to.deep.equal(['put']);
      ends[0]!();
      await new Promise(setImmediate);
      expect(begun).to.deep.equal(['put', 'del']);
      ends[1]!();
      await deleted;
    });
  }

  it('says of a call behind one that the database never answers which that is, and makes calls again once it is answered', async () => {
    const { begun, ends, db } = pending();
    const store = levelBlocks(db);
    const one = block(1);
    // As after their time limits.
    for (const call of [store.delete(one.id), store.put(one)]) from(call).subscribe().unsubscribe();
    for (const call of [store.put(one), store.delete(one.id)]) {
      const error = await errorOf(answerOf<unknown>(call));
      expect(error).to.satisfy(isBlockStoreError).and.include({ fault: 'timeout', retriable: true });
      expect((error as Error).message).to.include(`has not answered the delete of ${one.id}`);
    }
    ends[0]!();
    await new Promise(setImmediate);
    const put = answerOf(store.put(one));
    expect(begun).to.deep.equal(['del', 'put']);
    ends[1]!();
    await put;
  });

  for (const value of [undefined, null, {}, { get: () => undefined, batch: () => undefined }]) {
    it(`refuses ${JSON.stringify(value) ?? 'undefined'} as a database`, () => {
      expect(() => levelBlocks(value as never))
        .to.throw()
        .that.satisfies(isInvalidConfig);
    });
  }

  it('refuses an unknown option', () => {
    expect(() => levelBlocks(new MemoryLevel(), { compres: true } as object))
      .to.throw(/compres/)
      .that.satisfies(isInvalidConfig);
  });
});
