import { expect } from 'chai';
import { EMPTY, NEVER, of, take, throwError, timer, type Observable, type SchedulerLike } from 'rxjs';
import { memoryCheckpoints } from '../../lib/checkpoints/memoryCheckpoints.js';
import { BlockUnavailableError } from '../../lib/blocks/errors.js';
import { recoverFrom } from '../../lib/operators/recoverFrom.js';
import { block, record } from '../../lib/testing/index.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { kinesisRange } from '../../lib/sources/kinesisRange.js';
import { kinesisRanges, type KinesisRangesConfig } from '../../lib/sources/kinesisRanges.js';
import { isInvalidValue } from '../../lib/values/errors.js';
import type { RangeToRead } from '../../lib/values/sequence-range.js';
import type { Block } from '../../lib/values/block.js';
import type { KinesisRecord } from '../../lib/values/record.js';
import { apart, pagesPort } from '../support/log-port.js';
import { spiedScheduler } from '../support/spied-scheduler.js';

const lost = block(1, 2, 3);

/** What becomes of a lost block when the user's own `read` gives this: its records, or the code of the error. */
function outcome(given$: Observable<KinesisRecord>, scheduler: SchedulerLike, flush: () => void): string | undefined {
  const failing$: Observable<Block> = throwError(() => new BlockUnavailableError(lost.ranges));
  const config = { read: () => given$, retryTimeoutMs: 10, maxRecoveries: 1, scheduler };
  let result: string | undefined;
  failing$.pipe(recoverFrom(memoryCheckpoints(), config), take(1)).subscribe({
    next: ({ records }) => (result = records.map(({ sequenceNumber }) => sequenceNumber).join()),
    error: (error: unknown) => (result = (error as { readonly code: string }).code),
  });
  flush();
  return result;
}

describe('recoverFrom, re-reading with the option read,', () => {
  const records = (...numbers: readonly number[]) => of(...numbers.map((n) => record(n)));
  const cases: Record<string, readonly [Observable<KinesisRecord>, string]> = {
    'takes exactly the records of the block': [records(1, 2, 3), '1,2,3'],
    'drops what is around them': [records(0, 1, 2, 3, 4), '1,2,3'],
    'refuses a read that ends too early': [records(1, 2), 'RANGE_INCOMPLETE'],
    'refuses a read of nothing': [EMPTY, 'RANGE_EXPIRED'],
    'refuses a read with a hole': [records(1, 3), 'RANGE_INCOMPLETE'],
    'refuses a read that begins too late': [records(2, 3), 'RANGE_EXPIRED'],
    'refuses a record that comes twice, which would stand for a missing one': [records(1, 1, 3), 'INVALID_VALUE'],
    'refuses a record before the last one': [records(1, 2, 1, 3), 'INVALID_VALUE'],
    'gives up on one that hangs': [NEVER, 'RECOVERY_TIMEOUT'],
    'refuses a value that is no record': [of(undefined as unknown as KinesisRecord), 'INVALID_CONFIG'],
  };
  for (const [name, [given$, expected]] of Object.entries(cases)) {
    it(
      name,
      marbles(({ scheduler, flush }) => {
        expect(outcome(given$, scheduler, flush)).to.equal(expected);
      }),
    );
  }

  for (const [name, place] of [
    ['shard', { shardId: 'shardId-000000000001' }],
    ['stream', { streamName: 'other' }],
  ] as const) {
    it(
      `refuses a record of another ${name}, and names both`,
      marbles(({ scheduler, flush }) => {
        const given = [record(1), { ...record(2), ...place }, record(3)];
        const failing$: Observable<Block> = throwError(() => new BlockUnavailableError(lost.ranges));
        const seen: unknown[] = [];
        failing$.pipe(recoverFrom(undefined, { read: () => given, scheduler })).subscribe({ error: (error: unknown) => seen.push(error) });
        flush();
        expect(seen).to.have.length(1);
        expect(seen[0]).to.satisfy(isInvalidValue);
        const { streamName, shardId } = { ...record(2), ...place };
        expect((seen[0] as Error).message)
          .to.include('stream/shardId-000000000000, got one of')
          .and.include(`"${streamName}"/${shardId}`);
      }),
    );
  }

  for (const read of [kinesisRanges, ([range]: readonly RangeToRead[], config: KinesisRangesConfig) => kinesisRange(range!, config)]) {
    it(
      `waits for ${read === kinesisRanges ? 'kinesisRanges' : 'kinesisRange'} as long as it comes nearer, also through empty pages`,
      marbles(({ flush, scheduler }) => {
        const client = pagesPort(apart(80));
        const failing$: Observable<Block> = throwError(() => new BlockUnavailableError(block(1, 2).ranges));
        const seen: unknown[] = [];
        failing$
          .pipe(recoverFrom(undefined, { read: (ranges) => read(ranges, { client }), scheduler }), take(1))
          .subscribe((value) => seen.push(value.records.length, scheduler.now()));
        flush();
        expect(seen).to.deep.equal([2, 81 * 200]);
        expect(client.iterators).to.deep.equal(['1']);
      }),
    );
  }

  it(
    'keeps every field of a record',
    marbles(({ scheduler, flush }) => {
      const given = [1, 2, 3].map((n) => ({ ...record(n), explicitHashKey: String(n), approximateArrivalTimestamp: new Date(n) }));
      const seen: KinesisRecord[] = [];
      const failing$: Observable<Block> = throwError(() => new BlockUnavailableError(lost.ranges));
      const recovered$ = failing$.pipe(recoverFrom(memoryCheckpoints(), { read: () => given, maxRecoveries: 1, scheduler }), take(1));
      recovered$.subscribe(({ records: again }) => seen.push(...again));
      flush();
      expect(seen).to.deep.equal(given);
    }),
  );

  it(
    'takes a retryTimeoutMs longer than a timer of the host can wait',
    marbles(({ scheduler, flush }) => {
      const { spied, delaysMs } = spiedScheduler(scheduler);
      const failing$: Observable<Block> = throwError(() => new BlockUnavailableError(lost.ranges));
      const config = { read: () => NEVER, retryTimeoutMs: 2 ** 31, scheduler: spied };
      const subscription = failing$.pipe(recoverFrom(memoryCheckpoints(), config)).subscribe();
      timer(10).subscribe(() => subscription.unsubscribe());
      flush();
      expect(Math.max(...delaysMs)).to.equal(2 ** 31 - 1);
    }),
  );
});
