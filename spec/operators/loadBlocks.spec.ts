import { expect } from 'chai';
import {
  bufferCount,
  concatMap,
  delay,
  EMPTY,
  from,
  map,
  merge,
  mergeMap,
  NEVER,
  of,
  Subject,
  take,
  tap,
  throwError,
  timer,
  type Observable,
} from 'rxjs';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { BlockStoreError } from '../../lib/blocks/errors.js';
import { memoryBlocks } from '../../lib/blocks/memoryBlocks.js';
import type { StoredBlock } from '../../lib/blocks/stored-block.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';
import { checkpointEvery } from '../../lib/operators/checkpointEvery.js';
import { loadBlocks, type LoadBlocksConfig } from '../../lib/operators/loadBlocks.js';
import { mergeShards } from '../../lib/operators/mergeShards.js';
import { releaseBlocks } from '../../lib/operators/releaseBlocks.js';
import { storeBlocks } from '../../lib/operators/storeBlocks.js';
import { withSequenceRanges } from '../../lib/operators/withSequenceRanges.js';
import type { Shard } from '../../lib/shards/shard.js';
import type { FakeScript } from '../../lib/testing/kinesis/fake-script.js';
import { block, marbles } from '../../lib/testing/index.js';
import { polling } from '../../lib/readers/polling.js';
import { planRecovery } from '../../lib/recovery/planRecovery.js';
import type { Block } from '../../lib/values/block.js';
import type { SequenceNumberRange } from '../../lib/values/sequence-range.js';
import { isInvalidConfig, isInvalidValue, type RxKinesisError } from '../../lib/values/errors.js';
import { inLetters, instantKinesis, quickShard } from '../support/quick-shard.js';

/** A shard whose records are there from the start, two in a block, and what is seen of it. */
function opened(script: FakeScript | string, config: Partial<Parameters<typeof quickShard>[1]> = {}) {
  const events: KinesisEvent[] = [];
  const client = instantKinesis(typeof script === 'string' ? { shards: { 0: script } } : script);
  const shard = quickShard(client, { events: { next: (event) => void events.push(event) }, ...config });
  const typesOf = (...types: string[]) => events.filter(({ type }) => types.includes(type)).map(({ type }) => type);
  return { client, shard, events, typesOf };
}

const stored = (shard: Shard, blocks: BlockStore): Observable<StoredBlock> =>
  shard.pipe(bufferCount(2), withSequenceRanges(), storeBlocks(blocks, { shard }));
const idOf = (from: number, to: number): string => `stream/shardId-000000000000/${from}-${to}/2`;

/** A store that forgets, or damages, some of its blocks between `put` and `get`. */
function forgetful(lost: (id: string) => boolean | undefined, get?: BlockStore['get']): BlockStore & { readonly gets: string[] } {
  const inner = memoryBlocks();
  const gets: string[] = [];
  return { ...inner, gets, get: (id) => (gets.push(id), lost(id) ? (get?.(id) ?? of(undefined)) : inner.get(id)) };
}

describe('loadBlocks', () => {
  it('refuses the handle of a block of another shard, and asks the store for nothing', () => {
    const blocks = forgetful(() => true);
    const { shard } = opened({ shards: { 0: '', 1: 'ab^' } }, { shardId: 'shardId-000000000001' });
    const { id, ranges } = block(1);
    const seen: unknown[] = [];
    of({ id, ranges, recovered: false })
      .pipe(loadBlocks(blocks, { shard }))
      .subscribe({ error: (error: unknown) => seen.push(error) });
    expect(seen).to.have.length(1);
    expect(seen[0]).to.satisfy(isInvalidValue);
    expect((seen[0] as Error).message).to.equal(`loadBlocks: expected a block of stream/shardId-000000000001, got ${id}`);
    expect(blocks.gets).to.deep.equal([]);
  });

  const load = (shard: Shard, blocks: BlockStore, config: Partial<LoadBlocksConfig> = {}) => loadBlocks(blocks, { shard, ...config });

  it(
    'asks Kinesis for nothing that the store has',
    marbles(({ expectObservable }) => {
      const { shard, client } = opened('abcdef^|');
      const blocks = memoryBlocks();
      const reads = client.callsOf('getRecords').length;
      // The shard completes by itself in the frame after.
      expectObservable(stored(shard, blocks).pipe(load(shard, blocks), map(inLetters), take(3))).toBe('(xyz|)', {
        x: 'ab',
        y: 'cd',
        z: 'ef',
      });
      timer(10).subscribe(() => expect(client.callsOf('getShardIterator')).to.have.length(reads + 1));
    }),
  );

  it(
    'gives a block the ranges instance of its handle, and so its entry',
    marbles(() => {
      const { shard } = opened('ab^|');
      const blocks = memoryBlocks();
      const seen: unknown[] = [];
      stored(shard, blocks)
        .pipe(
          tap(({ ranges }) => seen.push(ranges)),
          load(shard, blocks),
        )
        .subscribe(({ ranges }) => expect(ranges).to.equal(seen[0]));
      timer(1).subscribe(() => expect(seen).to.have.length(1));
    }),
  );

  describe('with a store that loses or damages blocks', () => {
    const damages: Readonly<Record<string, BlockStore['get']>> = {
      'has lost': () => of(undefined),
      'answers with nothing for': () => EMPTY,
      'fails with': () => throwError(() => new Error('disk')),
      'never answers about': () => NEVER,
      'has another in place of': () => of(block(7)),
      'has a part of': () => of({ ...block(3), id: idOf(3, 4) }),
    };
    for (const [name, get] of Object.entries(damages)) {
      it(
        `reads again from Kinesis a block that it ${name}, and does not touch the others`,
        marbles(({ scheduler }) => {
          const { shard, client, typesOf } = opened('abcdef^|');
          const blocks = forgetful((id) => id === idOf(3, 4), get);
          const seen: string[] = [];
          stored(shard, blocks)
            .pipe(load(shard, blocks, { requestTimeoutMs: 5, scheduler }))
            .subscribe((one) => seen.push(inLetters(one)));
          timer(50).subscribe(() => {
            expect(seen).to.deep.equal(['ab', "cd'", 'ef']);
            expect(client.callsOf('getShardIterator')).to.have.length(2);
            expect(typesOf('recoveryStarted', 'recovered')).to.deep.equal(['recoveryStarted', 'recovered']);
          });
        }),
      );
    }
  });

  it(
    'reads lost blocks that follow each other in one go, up to the first that is there',
    marbles(() => {
      const { shard, client, events } = opened('abcdefghij^|');
      const blocks = forgetful((id) => id !== idOf(7, 8));
      const seen: string[] = [];
      const gate = new Subject<void>();
      stored(shard, blocks)
        .pipe(
          // All handles are waiting before the first is looked for.
          mergeMap((handle) => gate.pipe(map(() => handle))),
          load(shard, blocks),
        )
        .subscribe((one) => seen.push(inLetters(one)));
      timer(5).subscribe(() => gate.next());
      timer(50).subscribe(() => {
        expect(seen).to.deep.equal(["ab'", "cd'", "ef'", 'gh', "ij'"]);
        // The shard's own, one for the first three, one for the last.
        expect(client.callsOf('getShardIterator')).to.have.length(3);
        const recovered = events.flatMap((event) => (event.type === 'recovered' ? [[event.ranges, event.records]] : []));
        expect(recovered).to.deep.equal([
          [3, 6],
          [1, 2],
        ]);
      });
    }),
  );

  it(
    'looks up no more blocks than it needs: not those behind the first that is there, and none once it is unsubscribed',
    marbles(() => {
      const { shard } = opened('abcdefghijklmnop^|');
      const gate = new Subject<void>();
      const inner = memoryBlocks();
      const gets: string[] = [];
      // A store that takes its time.
      const get: BlockStore['get'] = (id) => {
        gets.push(id);
        return timer(1).pipe(concatMap(() => (id === idOf(1, 2) ? of(undefined) : inner.get(id))));
      };
      const blocks = { ...inner, get };
      const subscription = stored(shard, blocks)
        .pipe(
          mergeMap((handle) => gate.pipe(map(() => handle))),
          load(shard, blocks),
          // The work on the first block does not end.
          concatMap(() => NEVER),
        )
        .subscribe();
      timer(5).subscribe(() => gate.next());
      // The third is looked up for itself, when the second is loaded.
      timer(7.5).subscribe(() => expect(gets).to.deep.equal([idOf(1, 2), idOf(3, 4), idOf(5, 6)]));
      timer(11.5).subscribe(() => {
        const before = gets.length;
        subscription.unsubscribe();
        expect([before, gets.length]).to.deep.equal([7, 7]);
      });
    }),
  );

  for (const [name, deaf, times] of [
    ['any block: each waits for its own time limit, and not for those of the ones behind it', () => true, '15 20 25 30'],
    ['some: a lost one waits for at most one that follows it', (id: string) => id !== idOf(1, 2), '15 15 20 25'],
  ] as const) {
    it(`emits a block in time when the store never answers about ${name}`, () => {
      const log: string[] = [];
      marbles(({ scheduler }) => {
        const { shard } = opened('abcdefgh^|');
        const gate = new Subject<void>();
        const blocks: BlockStore = { ...memoryBlocks(), get: (id) => (deaf(id) ? NEVER : of(undefined)) };
        stored(shard, blocks)
          .pipe(
            mergeMap((handle) => gate.pipe(map(() => handle))),
            load(shard, blocks, { requestTimeoutMs: 5, scheduler }),
          )
          .subscribe((one) => log.push(`${scheduler.now()} ${inLetters(one)}`));
        timer(10).subscribe(() => gate.next());
        timer(100).subscribe(() => gate.complete());
      })();
      expect(log.map((entry) => entry.split(' ')[1])).to.deep.equal(["ab'", "cd'", "ef'", "gh'"]);
      expect(log.map((entry) => entry.split(' ')[0]).join(' ')).to.equal(times);
    });
  }

  it(
    'puts back what it read again, as it was',
    marbles(() => {
      const { shard } = opened('abcd^|');
      let isLost = true;
      const blocks = forgetful(() => isLost);
      stored(shard, blocks).pipe(load(shard, blocks)).subscribe();
      timer(10).subscribe(() => {
        isLost = false;
        from(blocks.get(idOf(3, 4))).subscribe((one) => expect(inLetters(one!)).to.equal("cd'"));
      });
    }),
  );

  it('puts back thousands at once behind one that takes its time', () => {
    const BLOCKS = 5_000;
    let loaded = 0;
    marbles(() => {
      const records = Array.from({ length: BLOCKS }, (_, i) => ({ sequenceNumber: i + 1, data: 'x' }));
      const { shard } = opened({ shards: { 0: { records } } }, { maxInFlightRecords: 2 * BLOCKS });
      const inner = memoryBlocks();
      const gate = new Subject<void>();
      let puts = 0;
      const put: BlockStore['put'] = (one) => (puts++ === BLOCKS ? timer(1) : inner.put(one));
      const blocks = { ...inner, put, get: () => of(undefined) };
      const subscription = shard
        .pipe(
          bufferCount(1),
          withSequenceRanges(),
          storeBlocks(blocks, { shard }),
          mergeMap((handle) => gate.pipe(map(() => handle))),
          loadBlocks(blocks, { shard }),
        )
        .subscribe(() => loaded++);
      timer(5).subscribe(() => gate.next());
      timer(20).subscribe(() => subscription.unsubscribe());
    })();
    expect(loaded).to.equal(BLOCKS);
  });

  it(
    'emits what it read again also when it cannot be put back, and tells',
    marbles(() => {
      const { shard, typesOf } = opened('ab^|');
      let puts = 0;
      const inner = memoryBlocks();
      const blocks: BlockStore = {
        ...inner,
        get: () => of(undefined),
        put: () => (puts++ === 0 ? EMPTY : throwError(() => new Error('full'))),
      };
      const seen: string[] = [];
      stored(shard, blocks)
        .pipe(load(shard, blocks))
        .subscribe((one) => seen.push(inLetters(one)));
      timer(10).subscribe(() => {
        expect(seen).to.deep.equal(["ab'"]);
        expect(typesOf('blockStoreFailed')).to.have.length(1);
      });
    }),
  );

  it(
    'loads a further block only when earlier ones are released: what waits, waits as handles',
    marbles(({ scheduler }) => {
      const { shard } = opened('abcdefgh^|');
      const blocks = memoryBlocks();
      const log: string[] = [];
      const work = (one: Block): Observable<Block> => of(one).pipe(delay(10));
      stored(shard, blocks)
        .pipe(
          // Two bytes a block: there is room for two.
          load(shard, blocks, { maxLoadedBytes: 3 }),
          tap((one) => log.push(`${scheduler.now()} ${inLetters(one)}`)),
          concatMap(work),
          releaseBlocks(blocks),
        )
        .subscribe();
      timer(100).subscribe(() => expect(log).to.deep.equal(['0 ab', '0 cd', '10 ef', '20 gh']));
    }),
  );

  describe('reads lost blocks from Kinesis only as earlier ones are released', () => {
    /** Loads eight lost blocks of two bytes, with room for two of them; each takes 10 ms of work. Notes what is read and loaded. */
    const loaded = (maxRecordsPerPage: number, lost: (id: string) => boolean) => {
      const log: string[] = [];
      const held: number[] = [];
      let events: readonly KinesisEvent[] = [];
      let iterators = 0;
      marbles(({ scheduler }) => {
        const { shard, client, ...seen } = opened({ shards: { 0: 'abcdefghijklmnop^' }, maxRecordsPerPage });
        const blocks = forgetful(lost);
        const gate = new Subject<void>();
        let own = { getRecords: 0, getShardIterator: 0 };
        let open = 0;
        const work = (one: Block): Observable<Block> => of(one).pipe(delay(10));
        const subscription = stored(shard, blocks)
          .pipe(
            mergeMap((handle) => gate.pipe(map(() => handle))),
            load(shard, blocks, { maxLoadedBytes: 3 }),
            tap((one) => (log.push(`${scheduler.now()} ${inLetters(one)}`), held.push(++open))),
            concatMap(work),
            releaseBlocks(blocks),
          )
          .subscribe(() => open--);
        timer(20).subscribe(() => {
          // The reader of the shard rests: it would read as well.
          own = { getRecords: client.callsOf('getRecords').length, getShardIterator: client.callsOf('getShardIterator').length };
          gate.next();
        });
        timer(200).subscribe(() => {
          iterators = client.callsOf('getShardIterator').length - own.getShardIterator;
          events = seen.events;
          subscription.unsubscribe();
        });
      })();
      return { log, held, events, iterators };
    };
    const times = (log: readonly string[]) => log.map((entry) => entry.split(' ')[0]).join(' ');

    it('where a page has one block', () => {
      const { log, held, events, iterators } = loaded(2, () => true);
      expect(log.map((entry) => entry.split(' ')[1]).join(' ')).to.equal("ab' cd' ef' gh' ij' kl' mn' op'");
      expect(times(log)).to.equal('20 20 30 40 50 60 70 80');
      expect(Math.max(...held)).to.equal(2);
      // One for the first two, and one for each that had to wait.
      expect(iterators).to.equal(7);
      // It is one recovery.
      expect(events.flatMap((event) => (event.type === 'recovered' ? [[event.ranges, event.records]] : []))).to.deep.equal([[8, 16]]);
    });

    it('where pages end inside blocks: what is read of a block that has to wait is read again', () => {
      const { log, held } = loaded(3, () => true);
      expect(log.map((entry) => entry.split(' ')[1]).join(' ')).to.equal("ab' cd' ef' gh' ij' kl' mn' op'");
      // A page more than there is room for.
      expect(Math.max(...held)).to.be.at.most(3);
    });

    it('and those of a page that has them all in one read', () => {
      const { log, iterators } = loaded(16, () => true);
      expect(times(log)).to.equal('20 20 20 20 20 20 20 20');
      expect(iterators).to.equal(1);
    });

    it('and then the next one that is there', () => {
      const { log, held } = loaded(2, (id) => id < idOf(7, 8) || id.includes('/11-') || id.includes('/13-') || id.includes('/15-'));
      expect(log.map((entry) => entry.split(' ')[1]).join(' ')).to.equal("ab' cd' ef' gh ij kl' mn' op'");
      expect(times(log)).to.equal('20 20 30 40 50 60 70 80');
      expect(Math.max(...held)).to.equal(2);
    });
  });

  it(
    'tells, once, of a block that is never released and holds up the rest',
    marbles(() => {
      const { shard, events } = opened('abcd^|');
      const blocks = memoryBlocks();
      const subscription = stored(shard, blocks)
        .pipe(load(shard, blocks, { maxLoadedBytes: 1 }))
        .subscribe();
      timer(60_000).subscribe(() => {
        const held = events.flatMap((event) => (event.type === 'watermarkHeld' ? [[event.ranges[0]!.fromSeqNumber, event.heldMs]] : []));
        expect(held).to.deep.equal([['1', 10_000]]);
        subscription.unsubscribe();
      });
    }),
  );

  it(
    'errors with what is missing when Kinesis has the records no longer, and emits nothing of them',
    marbles(() => {
      const { shard } = opened({ shards: { 0: 'abcd^' }, trims: [{ shard: 0, atMs: 5, through: 'd' }] });
      const blocks = forgetful((id) => id === idOf(1, 2));
      const seen: string[] = [];
      let error: unknown;
      stored(shard, blocks)
        .pipe(delay(10), load(shard, blocks))
        .subscribe({ next: (one) => seen.push(inLetters(one)), error: (reason: unknown) => (error = reason) });
      timer(20_000).subscribe(() => {
        expect(seen).to.deep.equal([]);
        expect(error).to.include({ code: 'RANGE_EXPIRED', retriable: false });
      });
    }),
  );

  describe('when Kinesis has the records no longer', () => {
    const answers: Readonly<Record<string, [get: BlockStore['get'], mayHaveIt: boolean]>> = {
      'fails for now': [() => throwError(() => new BlockStoreError('down', { fault: 'failed', retriable: true })), true],
      'fails without a word of retries': [() => throwError(() => new Error('down')), true],
      'never answers': [() => NEVER, true],
      'fails for good': [() => throwError(() => new BlockStoreError('denied', { fault: 'failed', retriable: false })), false],
      'has a part of it': [() => of({ ...block(3), id: idOf(3, 4) }), false],
      'has lost it': [() => of(undefined), false],
    };
    for (const [name, [get, mayHaveIt]] of Object.entries(answers)) {
      for (const onGap of ['fail', 'continue'] as const) {
        const outcome = mayHaveIt
          ? 'BLOCK_UNAVAILABLE'
          : onGap === 'fail'
            ? 'RANGE_EXPIRED'
            : 'a block without them, which it does not store';
        it(`and the store ${name}: ${outcome}, under onGap '${onGap}'`, () => {
          const seen: string[] = [];
          const inner = forgetful((id) => id === idOf(3, 4), get);
          const puts: string[] = [];
          const blocks: BlockStore = { ...inner, put: (one) => (puts.push(inLetters(one)), inner.put(one)) };
          marbles(({ scheduler }) => {
            const { shard } = opened({ shards: { 0: 'abcdef^' }, trims: [{ shard: 0, atMs: 5, through: 'd' }] }, { onGap });
            const subscription = stored(shard, blocks)
              .pipe(delay(10), load(shard, blocks, { requestTimeoutMs: 5, scheduler }))
              .subscribe({
                next: (one) => seen.push(inLetters(one)),
                error: (error: unknown) => {
                  const { code, retriable } = error as RxKinesisError;
                  seen.push(`${code} ${retriable ? 'retriable' : 'final'}`);
                },
              });
            timer(20_000).subscribe(() => subscription.unsubscribe());
          })();
          const failed = mayHaveIt ? ['BLOCK_UNAVAILABLE retriable'] : ['RANGE_EXPIRED final'];
          expect(seen).to.deep.equal(['ab', ...(mayHaveIt || onGap === 'fail' ? failed : ["'", 'ef'])]);
          expect(puts).to.deep.equal(['ab', 'cd', 'ef']);
        });
      }
    }

    it('and the store fails once: the block comes from the store after a restart', () => {
      const seen: string[] = [];
      let failures = 1;
      const inner = memoryBlocks();
      const get: BlockStore['get'] = (id) =>
        id === idOf(1, 2) && failures-- > 0
          ? throwError(() => new BlockStoreError('down', { fault: 'failed', retriable: true }))
          : inner.get(id);
      marbles(({ scheduler }) => {
        const { shard } = opened({ shards: { 0: 'abcd^' }, trims: [{ shard: 0, atMs: 5, through: 'b' }] });
        const blocks = { ...inner, get };
        const loaded = (own: Shard) =>
          stored(own, blocks).pipe(checkpointEvery(1), delay(10), load(own, blocks, { scheduler }), releaseBlocks(blocks));
        const subscription = of(shard)
          .pipe(mergeShards(loaded, { restart: { initialDelayMs: 2 }, random: () => 0.5 }))
          .subscribe((one) => seen.push(inLetters(one)));
        timer(60).subscribe(() => subscription.unsubscribe());
      })();
      expect(seen).to.deep.equal(['ab', 'cd']);
    });
  });

  it('gives up when Kinesis throttles for longer than retryTimeoutMs', () => {
    let error: unknown;
    marbles(({ scheduler }) => {
      const { shard, client } = opened('ab^', { retry: { maxRetries: 1_000 } });
      const blocks = forgetful(() => true);
      const subscription = stored(shard, blocks)
        .pipe(
          tap(() => client.fail({ method: 'getRecords', error: 'ProvisionedThroughputExceededException', times: Infinity })),
          load(shard, blocks, { retryTimeoutMs: 3_000, scheduler }),
        )
        .subscribe({ error: (reason: unknown) => (error = reason) });
      timer(20_000).subscribe(() => subscription.unsubscribe());
    })();
    expect(error).to.include({ code: 'RECOVERY_TIMEOUT', retriable: true, timeoutMs: 3_000 });
  });

  it('re-reads 1 000 lost blocks of four shards with the calls that planRecovery says', () => {
    const SHARDS = [0, 1, 2, 3];
    const records = (shard: number) => Array.from({ length: 10_000 }, (_, i) => ({ sequenceNumber: shard * 10_000 + i + 1, data: 'x' }));
    const lost: SequenceNumberRange[] = [];
    const loaded: string[] = [];
    let made: readonly number[] = [];
    marbles(() => {
      const client = instantKinesis({ shards: Object.fromEntries(SHARDS.map((shard) => [shard, { records: records(shard) }])) });
      const calls = () => (['getShardIterator', 'getRecords'] as const).map((method) => client.callsOf(method).length);
      const blocks = forgetful(() => true);
      const gate = new Subject<void>();
      const work$ = SHARDS.map((index) => {
        const shard = quickShard(client, { maxInFlightRecords: 20_000, reader: polling({ idleDelayMs: 600_000 }) }, index);
        return shard.pipe(
          bufferCount(40),
          withSequenceRanges(),
          storeBlocks(blocks, { shard }),
          tap(({ ranges }) => lost.push(...ranges.ranges)),
          mergeMap((handle) => gate.pipe(map(() => handle))),
          loadBlocks(blocks, { shard }),
          tap(({ recovered, records: { length } }) => expect([recovered, length]).to.deep.equal([true, 40])),
          tap(({ id }) => loaded.push(id)),
          releaseBlocks(blocks),
        );
      });
      const subscription = merge(...work$).subscribe();
      timer(1_000).subscribe(() => {
        const before = calls();
        gate.next();
        timer(10_000).subscribe(() => {
          subscription.unsubscribe();
          made = calls().map((count, i) => count - before[i]!);
        });
      });
    })();
    const { ranges, iterators, reads } = planRecovery(lost);
    expect([ranges, new Set(loaded).size, loaded.length]).to.deep.equal([1_000, 1_000, 1_000]);
    expect(made).to.deep.equal([iterators, reads]).and.to.deep.equal([4, 4]);
  });

  it('refuses a shard of no source', () => {
    expect(() => loadBlocks(memoryBlocks(), { shard: NEVER as never }))
      .to.throw(/shard/)
      .that.satisfies(isInvalidConfig);
  });
});
