import { expect } from 'chai';
import {
  EMPTY,
  NEVER,
  catchError,
  concat,
  defer,
  from,
  map,
  of,
  tap,
  throwError,
  timer,
  toArray,
  type Observable,
  type ObservableInput,
  interval,
} from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { blockStore, type BlockStoreConfig } from '../../lib/blocks/blockStore.js';
import { encodeBlockSync } from '../../lib/blocks/block-codec.js';
import { BlockStoreError, isBlockStoreError } from '../../lib/blocks/errors.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import type { StorageLevel } from '../../lib/blocks/storage-level.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { block, marbles } from '../../lib/testing/index.js';
import { makeBlock, type Block } from '../../lib/values/block.js';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { answerOf, blockStoreContract, idsIn, STORAGE_LEVELS } from '../support/block-store-contract.js';
import { errorOf } from '../support/checkpoint-store-contract.js';

/** A store whose calls can be replaced, one by one. */
function place(calls: Partial<BlockStore> = {}): BlockStore {
  return { ...memoryBlocks(), ...calls };
}

const down = (): BlockStore => ({
  put: () => throwError(() => new Error('down')),
  get: () => throwError(() => new Error('down')),
  delete: () => throwError(() => new Error('down')),
  list: () => throwError(() => new Error('down')),
});
const silent: BlockStore = { put: () => NEVER, get: () => NEVER, delete: () => NEVER, list: () => NEVER };

/** A level with the parts that it needs, each a store in memory. */
function parts(level: StorageLevel): BlockStoreConfig & { memory?: BlockStore; disk?: BlockStore; replicas?: BlockStore[] } {
  return {
    ...(level.startsWith('MEMORY') && { memory: memoryBlocks() }),
    ...(level.includes('DISK') && { disk: memoryBlocks() }),
    ...(level.endsWith('_2') && { replicas: [memoryBlocks()] }),
  };
}

function observed(): { events: BlockStoreConfig['events']; told: string[] } {
  const told: string[] = [];
  const next = (event: KinesisEvent): void =>
    void (event.type === 'blockStoreFailed' && told.push(`${event.action} ${event.blockId ?? 'all'}`));
  return { events: { next }, told };
}

const one = block(1, 2);
const size = encodeBlockSync(one).byteLength;
const run = <T>(call: ObservableInput<T>): Observable<T> => defer(() => from(call));

describe('blockStore', () => {
  for (const level of STORAGE_LEVELS) describe(level, () => blockStoreContract(() => blockStore(level, parts(level))));

  describe('puts', () => {
    const where = async (config: ReturnType<typeof parts>): Promise<string[]> => {
      const named = { memory: config.memory, disk: config.disk, replica: config.replicas?.[0], spare: config.replicas?.[1] };
      const holders: string[] = [];
      for (const [name, store] of Object.entries(named)) if (store && (await idsIn(store)).length > 0) holders.push(name);
      return holders;
    };
    const homes: Record<StorageLevel, string[]> = {
      MEMORY_ONLY: ['memory'],
      MEMORY_ONLY_2: ['memory', 'replica'],
      MEMORY_AND_DISK: ['memory'],
      MEMORY_AND_DISK_2: ['memory', 'replica'],
      DISK_ONLY: ['disk'],
      DISK_ONLY_2: ['disk', 'replica'],
    };
    for (const level of STORAGE_LEVELS) {
      it(`one copy for each that ${level} promises`, async () => {
        const config = parts(level);
        await answerOf(blockStore(level, config).put(one));
        expect(await where(config)).to.deep.equal(homes[level]);
      });
    }

    for (const level of ['MEMORY_AND_DISK', 'MEMORY_AND_DISK_2'] as const) {
      it(`on disk what has no room in memory, with ${level}, and that is no failure`, async () => {
        const { events, told } = observed();
        const config = { ...parts(level), memory: memoryBlocks({ maxBytes: size }) };
        const store = blockStore(level, { ...config, events });
        for (const next of [one, block(3, 4), block(5, 6)]) await answerOf(store.put(next));

        expect(await idsIn(config.memory)).to.deep.equal([one.id]);
        expect(await idsIn(config.disk!)).to.deep.equal([block(3, 4).id, block(5, 6).id]);
        for (const next of [one, block(3, 4), block(5, 6)]) expect(await answerOf(store.get(next.id))).to.deep.equal(next);
        expect(told).to.deep.equal([]);
      });
    }

    for (const level of ['MEMORY_ONLY', 'MEMORY_ONLY_2'] as const) {
      it(`nothing that has no room in memory, with ${level}: it is refused`, async () => {
        const store = blockStore(level, { ...parts(level), memory: memoryBlocks({ maxBytes: size }) });
        await answerOf(store.put(one));
        const error = await errorOf(answerOf(store.put(block(3, 4))));
        expect(error).to.satisfy(isBlockStoreError);
        expect(error).to.include({ fault: level === 'MEMORY_ONLY' ? 'full' : 'copies', retriable: true });
      });
    }

    it('on disk what memory fails to take, and tells', async () => {
      const { events, told } = observed();
      const disk = memoryBlocks();
      await answerOf(blockStore('MEMORY_AND_DISK', { memory: down(), disk, events }).put(one));
      expect(await idsIn(disk)).to.deep.equal([one.id]);
      expect(told).to.deep.equal([`put ${one.id}`]);
    });

    it('errs when the disk is full and there is no second copy, and says why', async () => {
      const full = place({ put: () => throwError(() => Object.assign(new Error('no space'), { code: 'ENOSPC' })) });
      const error = await errorOf(answerOf(blockStore('DISK_ONLY', { disk: full }).put(one)));
      expect(error).to.satisfy(isBlockStoreError);
      expect(error).to.include({ fault: 'copies', retriable: true }).and.have.nested.property('cause.code', 'ENOSPC');
    });

    it('errs when one of two copies cannot be made', async () => {
      const { events, told } = observed();
      const disk = memoryBlocks();
      const error = await errorOf(answerOf(blockStore('DISK_ONLY_2', { disk, replicas: [down()], events }).put(one)));
      expect(error).to.include({ code: 'BLOCK_STORE', fault: 'copies', retriable: true });
      expect((error as Error).message).to.equal('the block has 1 of 2 copies');
      expect(told).to.deep.equal([`put ${one.id}`]);
    });

    it('a copy at a further replica when one is down', async () => {
      const [disk, spare] = [memoryBlocks(), memoryBlocks()];
      await answerOf(blockStore('DISK_ONLY_2', { disk, replicas: [down(), spare] }).put(one));
      expect([await idsIn(disk), await idsIn(spare)]).to.deep.equal([[one.id], [one.id]]);
    });

    it('both copies at replicas when the disk is down', async () => {
      const [first, second] = [memoryBlocks(), memoryBlocks()];
      await answerOf(blockStore('DISK_ONLY_2', { disk: down(), replicas: [first, second] }).put(one));
      expect([await idsIn(first), await idsIn(second)]).to.deep.equal([[one.id], [one.id]]);
    });

    it('nothing at a further replica as long as the first does its part', async () => {
      const spare = memoryBlocks();
      await answerOf(blockStore('DISK_ONLY_2', { disk: memoryBlocks(), replicas: [memoryBlocks(), spare] }).put(one));
      expect(await idsIn(spare)).to.deep.equal([]);
    });

    it('errs not to be tried again when no place would ever take the block', async () => {
      const short = makeBlock(one.records.slice(1), one.ranges);
      const error = await errorOf(answerOf(blockStore('DISK_ONLY_2', parts('DISK_ONLY_2')).put(short)));
      expect(error).to.include({ retriable: false });
      expect(await errorOf(answerOf(blockStore('DISK_ONLY', parts('DISK_ONLY')).put(short)))).to.satisfy(isInvalidValue);
    });

    it(
      'both copies at once, and completes with the slower',
      marbles(({ expectObservable }) => {
        const slow = (ms: number) => place({ put: () => timer(ms) });
        const put$ = run(blockStore('DISK_ONLY_2', { disk: slow(7), replicas: [slow(4)] }).put(one));
        expectObservable(put$).toBe('-------|');
      }),
    );

    it(
      'errs after the last of the puts that it began has ended',
      marbles(({ expectObservable }) => {
        const store = blockStore('DISK_ONLY_2', { disk: down(), replicas: [place({ put: () => timer(5) })] });
        const codes$ = run(store.put(one)).pipe(catchError((error: unknown) => throwError(() => (error as BlockStoreError).fault)));
        expectObservable(codes$).toBe('-----#', undefined, 'copies');
      }),
    );

    it(
      'counts a place that does not answer as failed after requestTimeoutMs',
      marbles(({ expectObservable, scheduler }) => {
        const spare = place({ put: () => timer(2) });
        const config = { disk: place(), replicas: [silent, spare], requestTimeoutMs: 5 };
        expectObservable(run(blockStore('DISK_ONLY_2', { ...config, scheduler }).put(one))).toBe('-------|');
      }),
    );
  });

  describe('gets', () => {
    it('from memory first, then the disk, and asks no replica if one of them has it', async () => {
      const asked: string[] = [];
      const noting = (name: string, holds: boolean) => place({ get: () => (asked.push(name), of(holds ? one : undefined)) });
      const config = (memory: boolean, disk: boolean) => ({
        memory: noting('memory', memory),
        disk: noting('disk', disk),
        replicas: [noting('replica', true)],
      });
      for (const [memory, disk] of [
        [true, true],
        [false, true],
        [false, false],
      ] as const) {
        expect(await answerOf(blockStore('MEMORY_AND_DISK_2', config(memory, disk)).get(one.id))).to.equal(one);
        asked.push('|');
      }
      expect(asked.join(' ')).to.equal('memory | memory disk | memory disk replica |');
    });

    it(
      'from whichever replica answers first',
      marbles(({ expectObservable }) => {
        const slow = (ms: number) => place({ get: () => timer(ms).pipe(map(() => one)) });
        const store = blockStore('DISK_ONLY_2', { disk: place(), replicas: [slow(9), slow(4), down(), slow(6)] });
        expectObservable(run(store.get(one.id)).pipe(map(() => 'b'))).toBe('----(b|)');
      }),
    );

    const wrong: Readonly<Record<string, unknown>> = {
      'another block': block(5, 6),
      'another block under its id': { ...block(5, 6), id: one.id },
      'a block with fewer records': makeBlock(one.records.slice(1), one.ranges),
      'a block with other records': makeBlock(block(1, 3).records, one.ranges),
      'a block whose payloads are no bytes': makeBlock(
        one.records.map((record) => ({ ...record, data: 'text' as never })),
        one.ranges,
      ),
      'a block without payloads': makeBlock(
        one.records.map((record) => ({ ...record, data: undefined as never })),
        one.ranges,
      ),
      'a block without partition keys': makeBlock(
        one.records.map((record) => ({ ...record, partitionKey: undefined as never })),
        one.ranges,
      ),
      'no block': { id: one.id },
      'a number': 7,
    };
    for (const [name, value] of Object.entries(wrong)) {
      it(`not believing a store that gives ${name}: it tells, and asks the next`, async () => {
        const { events, told } = observed();
        const liar = place({ get: () => of(value as Block) });
        const store = blockStore('DISK_ONLY_2', { disk: liar, replicas: [place({ get: () => of(one) })], events });
        expect(await answerOf(store.get(one.id))).to.equal(one);
        expect(told).to.deep.equal([`get ${one.id}`]);
        expect(await answerOf(blockStore('DISK_ONLY', { disk: liar }).get(one.id))).to.equal(undefined);
      });
    }

    it('the error of a place that may have it when no other has', async () => {
      const { events, told } = observed();
      const failed = new BlockStoreError('down', { fault: 'failed', retriable: true });
      const store = blockStore('DISK_ONLY_2', { disk: place({ get: () => throwError(() => failed) }), replicas: [memoryBlocks()], events });
      expect(await answerOf(run(store.get(one.id)).pipe(catchError((error: unknown) => of(error))))).to.equal(failed);
      expect(told).to.have.length(1);
    });

    it('undefined, once, when every place fails for good or has none', async () => {
      const { events, told } = observed();
      const denied = place({ get: () => throwError(() => new BlockStoreError('denied', { fault: 'failed', retriable: false })) });
      const store = blockStore('DISK_ONLY_2', { disk: denied, replicas: [memoryBlocks()], events });
      expect(await answerOf(run(store.get(one.id)).pipe(toArray()))).to.deep.equal([undefined]);
      expect(told).to.have.length(1);
    });

    it(
      'stores and deletes in time, also when a place goes on emitting and never completes',
      marbles(({ expectObservable, scheduler }) => {
        const busy = place({ put: () => interval(2, scheduler), delete: () => interval(2, scheduler) });
        const store = blockStore('DISK_ONLY', { disk: busy, requestTimeoutMs: 5, scheduler, events: 'silent' });
        const late = (call: ObservableInput<unknown>) => run(call).pipe(catchError(() => of('late')));
        expectObservable(late(store.put(one))).toBe('-----(l|)', { l: 'late' });
        // The delete waits for the put of the same block.
        expectObservable(late(store.delete(one.id))).toBe('----------(l|)', { l: 'late' });
      }),
    );

    it(
      'from the next place when one does not answer',
      marbles(({ expectObservable, scheduler }) => {
        const config = { disk: silent, replicas: [place({ get: () => of(one) })], requestTimeoutMs: 5, scheduler };
        expectObservable(run(blockStore('DISK_ONLY_2', config).get(one.id)).pipe(map(() => 'b'))).toBe('-----(b|)');
      }),
    );

    it('what a store of Promises, arrays and iterables gives', async () => {
      const kept = new Map<string, Block>();
      const plain: BlockStore = {
        put: async (next) => kept.set(next.id, next),
        get: (id) => [kept.get(id)],
        delete: async (id) => kept.delete(id),
        list: () => kept.keys(),
      };
      const store = blockStore('DISK_ONLY', { disk: plain });
      await answerOf(store.put(one));
      expect(await answerOf(store.get(one.id))).to.equal(one);
      expect(await idsIn(store)).to.deep.equal([one.id]);
      await answerOf(store.delete(one.id));
      expect(await answerOf(store.get(one.id))).to.equal(undefined);
    });
  });

  describe('deletes', () => {
    it('everywhere, and errs after that when one place failed', async () => {
      const { events, told } = observed();
      const replica = memoryBlocks();
      await answerOf(replica.put(one));
      const store = blockStore('DISK_ONLY_2', { disk: down(), replicas: [replica], events });
      expect(rawErrorOf(await errorOf(answerOf(store.delete(one.id))))).to.have.property('message', 'down');
      expect(await idsIn(replica)).to.deep.equal([]);
      expect(told).to.deep.equal([`delete ${one.id}`]);
    });

    it(
      'after the put that has begun, also when that is unsubscribed',
      marbles(({ expectObservable, scheduler }) => {
        const log: string[] = [];
        const note = (text: string) => tap({ complete: () => void log.push(`${scheduler.frame} ${text}`) });
        const disk = place({
          put: () => concat(timer(5), EMPTY).pipe(note('put')),
          delete: () => concat(timer(1), EMPTY).pipe(note('deleted')),
        });
        const store = blockStore('DISK_ONLY', { disk });
        run(store.put(one)).subscribe().unsubscribe();
        expectObservable(run(store.delete(one.id))).toBe('------|');
        scheduler.schedule(() => expect(log).to.deep.equal(['5 put', '6 deleted']), 8);
      }),
    );
  });

  describe('lists', () => {
    it('each block once, and what is left when one place is down', async () => {
      const { events, told } = observed();
      const [memory, disk] = [memoryBlocks(), memoryBlocks()];
      for (const store of [memory, disk]) await answerOf(store.put(one));
      await answerOf(disk.put(block(3)));
      const store = blockStore('MEMORY_AND_DISK_2', { memory, disk, replicas: [down()], events });
      expect(await idsIn(store)).to.deep.equal([one.id, block(3).id].sort());
      expect(told).to.deep.equal(['list all']);
    });

    it('nothing, with an error, when every place is down', async () => {
      const store = blockStore('DISK_ONLY_2', { disk: down(), replicas: [down()] });
      expect(rawErrorOf(await errorOf(answerOf(store.list())))).to.have.property('message', 'down');
    });
  });

  it('puts and lists 50 000 blocks', async function () {
    this.timeout(30_000);
    const store = blockStore('MEMORY_ONLY', { memory: memoryBlocks({ maxBytes: 1e9 }) });
    for (let i = 1; i <= 50_000; i++) from(store.put(block(i))).subscribe();
    expect(await idsIn(store)).to.have.length(50_000);
  });

  it('goes on when the observer of its events throws', async () => {
    const throwing = () => {
      throw new Error('observer');
    };
    const denied = place({ get: () => throwError(() => new BlockStoreError('denied', { fault: 'failed', retriable: false })) });
    const store = blockStore('DISK_ONLY', { disk: denied, events: { next: throwing } });
    expect(await answerOf(store.get(one.id))).to.equal(undefined);
  });

  describe('refuses, when called,', () => {
    const cases: Readonly<Record<string, readonly [level: unknown, config: unknown, message: RegExp]>> = {
      'a level that does not exist': ['MEMORY_AND_TAPE', {}, /level/],
      'the name of a method as a level': ['toString', {}, /level/],
      'a misspelt option': ['MEMORY_ONLY', { memmory: memoryBlocks() }, /memmory/],
      'a disk that the level would not use': ['MEMORY_ONLY', { disk: memoryBlocks() }, /disk/],
      'a memory that the level would not use': ['DISK_ONLY', { disk: memoryBlocks(), memory: memoryBlocks() }, /memory/],
      'a level with a disk and none given': ['MEMORY_AND_DISK', {}, /disk/],
      'a second copy without a replica': ['MEMORY_ONLY_2', {}, /replicas/],
      'replicas that would not be used': ['MEMORY_ONLY', { replicas: [memoryBlocks()] }, /replicas/],
      'a store without list': ['DISK_ONLY', { disk: { ...memoryBlocks(), list: undefined } }, /list/],
      'a time-out of 0': ['MEMORY_ONLY', { requestTimeoutMs: 0 }, /requestTimeoutMs/],
      'a time-out that no timer holds': ['MEMORY_ONLY', { requestTimeoutMs: 2 ** 31 }, /requestTimeoutMs/],
      'events that are no observer': ['MEMORY_ONLY', { events: {} }, /events/],
    };
    for (const [name, [level, config, message]] of Object.entries(cases)) {
      it(name, () => {
        expect(() => blockStore(level as StorageLevel, config as BlockStoreConfig))
          .to.throw(message)
          .that.satisfies(isInvalidConfig);
      });
    }

    it('one store given as two copies', () => {
      const disk = memoryBlocks();
      expect(() => blockStore('DISK_ONLY_2', { disk, replicas: [disk] })).to.throw(/twice/);
    });
  });
});
