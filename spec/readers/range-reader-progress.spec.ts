import { expect } from 'chai';
import { asyncScheduler, concat, concatMap, defer, ignoreElements, map, mergeMap, of, retry, timer, type Observable } from 'rxjs';
import { readBudget, type ReadBudget } from '../../lib/kinesis/read-budget.js';
import { kinesisRanges, type KinesisRangesConfig } from '../../lib/sources/kinesisRanges.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { textOf } from '../support/fast-reading.js';
import { apart, logPort, numbered, pagesPort, portRecord, type LogPort, type ScriptedPage } from '../support/log-port.js';
import { unbounded, withEnd } from '../support/range-reading.js';
import { rangeOf } from '../support/ranges.js';

const both = rangeOf(1, 2, 2);

function read(port: LogPort, config: Partial<KinesisRangesConfig> = {}, ranges = [both]): Observable<string> {
  return kinesisRanges(ranges, { client: port, random: () => 0.5, ...config }).pipe(map(textOf));
}

/** What is emitted, then `complete` or the error's code, and when. */
function outcome(source: Observable<string>): readonly [text: string, endedAtMs: number] {
  const result: Array<readonly [string, number]> = [];
  marbles(({ scheduler, flush }) => {
    withEnd(source).subscribe((text) => result.push([text, scheduler.now()]));
    flush();
  })();
  expect(result).to.have.length(1);
  return result[0]!;
}

describe('Reading ranges through pages without records', () => {
  for (const pages of [60, 80, 500]) {
    it(`takes pages that come nearer for progress: ${pages} of them at five reads a second`, () => {
      const port = pagesPort(apart(pages));
      expect(outcome(read(port))).to.deep.equal(['12 complete', (pages + 1) * 200]);
      expect(port.iterators).to.deep.equal(['1']);
    });
  }

  it('takes pages of records before the range for progress, too', () => {
    // The iterator at the record never gives anything. The oldest record shows that it was not trimmed, so it is asked for once more; then the shard is
    // read from its horizon: 100 pages of others first.
    const log = logPort(numbered(101));
    const stuck = pagesPort([{ lagMs: 1_000 }]);
    const client: LogPort = {
      ...log,
      getShardIterator: (request) => (request.ShardIteratorType === 'TRIM_HORIZON' ? log.getShardIterator(request) : of('stuck')),
      getRecords: (request) =>
        request.ShardIterator === 'stuck'
          ? stuck.getRecords({ ...request, ShardIterator: '0' }).pipe(map((page) => ({ ...page, NextShardIterator: 'stuck' })))
          : log.getRecords(request),
    };
    const [text, atMs] = outcome(read(client, { maxRecordsPerPage: 1 }, [rangeOf(101, 101, 1)]));
    expect([text, atMs]).to.deep.equal(['\0 complete', (16 + 1 + 16 + 100) * 200]);
  });

  it('takes a lag that stays, or that goes up and down, for none', () => {
    const swinging = Array.from({ length: 1_000 }, (_, i) => ({ lagMs: i % 2 === 0 ? 5_000 : 6_000 }));
    const [text, atMs] = outcome(read(pagesPort([{ records: [portRecord(1)], lagMs: 7_000 }, ...swinging])));
    expect(text).to.equal('1 RECOVERY_TIMEOUT');
    expect(atMs).to.be.within(10_000, 10_400);
  });

  it('does not take an iterator that expires again and again for progress', () => {
    const port = pagesPort([{ records: [portRecord(1)], lagMs: 7_000 }, { lagMs: 5_000 }]);
    const expired = Object.assign(new Error('expired'), { name: 'ExpiredIteratorException' });
    const getRecords: LogPort['getRecords'] = (request) =>
      defer(() => {
        if (Number(request.ShardIterator) === 2) port.faults.set(2, expired);
        return port.getRecords(request);
      });
    const [text, atMs] = outcome(read({ ...port, getRecords }));
    expect(text).to.equal('1 RECOVERY_TIMEOUT');
    expect(atMs).to.be.within(10_000, 11_000);
  });

  it('reads empty pages again after an iterator has expired, without running out of time over it', () => {
    const port = pagesPort(apart(80));
    port.faults.set(70, Object.assign(new Error('expired'), { name: 'ExpiredIteratorException' }));
    const [text, atMs] = outcome(read(port));
    expect([text, port.iterators]).to.deep.equal(['12 complete', ['1', '1']]);
    expect(atMs).to.be.within(30_000, 31_000);
  });
});

describe('A retry of reading ranges', () => {
  const read2s = (port: LogPort, ranges = [both]) => read(port, { retryTimeoutMs: 2_000, budget: unbounded() }, ranges);

  it('emits the whole range, and goes on behind the empty pages that were read', () => {
    const port = pagesPort(apart(80));
    port.faults.set(40, 'never');
    expect(outcome(read2s(port).pipe(retry(1)))).to.deep.equal(['112 complete', 2_000]);
    expect(port.iterators).to.deep.equal(['1', '1']);
    const again = port.reads.map(([index]) => index).slice(41);
    expect(again.slice(0, 3)).to.deep.equal([0, 40, 41]);
    expect(port.reads).to.have.length(41 + 1 + 42);
  });

  it('comes to the end however short the time, as long as each time brings it nearer', () => {
    const port = pagesPort(apart(80));
    for (const index of [10, 20, 30, 40, 50, 60, 70, 80]) port.faults.set(index, 'never');
    const [text] = outcome(read2s(port).pipe(retry(8)));
    expect(text).to.equal(`${'1'.repeat(9)}2 complete`);
    expect(port.reads.length).to.be.at.most(82 + 8 * 2);
  });

  it('needs no new iterator where the range begins with empty pages', () => {
    const pages = apart(80).slice(1, -1);
    const port = pagesPort([...pages, { records: [portRecord(2)], lagMs: 0 }]);
    port.getShardIterator = () => (port.iterators.push('any'), of('0'));
    port.faults.set(40, 'never');
    expect(outcome(read2s(port, [rangeOf(2, 2, 1)]).pipe(retry(1)))).to.deep.equal(['2 complete', 2_000]);
    expect(port.iterators).to.deep.equal(['any']);
    expect(port.reads.map(([index]) => index)).to.deep.equal([...Array(41).keys(), ...Array.from({ length: 41 }, (_, i) => 40 + i)]);
  });

  it('begins again where the iterator that it would use has expired', () => {
    const port = pagesPort(apart(80));
    port.faults.set(40, 'never');
    const texts$ = read2s(port).pipe(
      retry({
        count: 1,
        delay: () => {
          port.faults.set(40, Object.assign(new Error('expired'), { name: 'ExpiredIteratorException' }));
          return timer(300_000);
        },
      }),
    );
    expect(outcome(texts$)[0]).to.equal('112 complete');
    expect(port.iterators).to.deep.equal(['1', '1', '1']);
  });

  it('leaves an iterator that leads nowhere', () => {
    // From page 40 on always the same lag: only another iterator gets past it.
    const port = pagesPort(apart(80));
    const getRecords: LogPort['getRecords'] = (request) =>
      port.iterators.length === 2 && Number(request.ShardIterator) >= 40
        ? port.getRecords({ ...request, ShardIterator: '39' }).pipe(map((page) => ({ ...page, NextShardIterator: request.ShardIterator })))
        : port.getRecords(request);
    port.faults.set(40, 'never');
    const [text] = outcome(read({ ...port, getRecords }, { retryTimeoutMs: 2_000 }).pipe(retry(2)));
    expect(text).to.equal('1112 complete');
    expect(port.iterators).to.deep.equal(['1', '1', '1']);
  });

  it('does not change what a second reading gives', () => {
    const port = pagesPort(apart(20));
    const records$ = read(port, { budget: unbounded() });
    expect(outcome(concat(records$, records$))).to.deep.equal(['1212 complete', 0]);
    expect(port.reads).to.have.length(2 * 22);
  });
});

describe('The newest record', () => {
  const atOnce: ReadBudget = { acquire: () => of(0), spend: () => undefined, forget: () => undefined };
  const late = (emptyPages: number): ScriptedPage[] => [
    { records: [portRecord(1)], lagMs: 0 },
    ...Array<ScriptedPage>(emptyPages).fill({ lagMs: 0 }),
    { records: [portRecord(2)], lagMs: 0 },
  ];

  for (const pages of [3, 10, 15]) {
    it(`is not taken for the last after ${pages} empty pages that came at once`, () => {
      expect(outcome(read(pagesPort(late(pages)), { budget: unbounded() }))).to.deep.equal(['12 complete', pages * 200]);
    });
  }

  it('is taken for the last after three seconds', () => {
    const port = pagesPort([{ records: [portRecord(1)], lagMs: 0 }, { lagMs: 0 }]);
    expect(outcome(read(port, { budget: unbounded() }))).to.deep.equal(['1 RANGE_INCOMPLETE', 3_000]);
    expect(port.reads).to.have.length(1 + 16);
  });

  it('is not taken for the last within a retryTimeoutMs that is shorter', () => {
    const port = pagesPort([{ records: [portRecord(1)], lagMs: 0 }, { lagMs: 0 }]);
    expect(outcome(read(port, { budget: unbounded(), retryTimeoutMs: 1_000 }))).to.deep.equal(['1 RECOVERY_TIMEOUT', 1_000]);
  });

  it('is not known where no lag is told: that is a time-out, which can be tried again', () => {
    const port = pagesPort([{ records: [portRecord(1)] }, {}]);
    const [text, atMs] = outcome(read(port, { budget: unbounded() }));
    expect([text, atMs]).to.deep.equal(['1 RECOVERY_TIMEOUT', 10_000]);
  });

  for (const [what, jumpMs] of [
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ] as const) {
    it(`is judged the same by a clock that is set ${what}`, () => {
      const readUnder = (jump: number) => {
        let offsetMs = 0;
        const scheduler = Object.create(asyncScheduler, { now: { value: () => asyncScheduler.now() + offsetMs } }) as typeof asyncScheduler;
        const jump$ = timer(1_050).pipe(
          map(() => (offsetMs = jump)),
          ignoreElements(),
        );
        const port = pagesPort([{ records: [portRecord(1)], lagMs: 0 }, { lagMs: 0 }]);
        return outcome(of(jump$.pipe(map(String)), read(port, { budget: atOnce, scheduler })).pipe(mergeMap((each) => each)));
      };
      expect(readUnder(0)).to.deep.equal(['1 RANGE_INCOMPLETE', 3_000]);
      // One wait at most is cut short, and none is longer.
      const [text, atMs] = readUnder(jumpMs);
      expect(text).to.equal('1 RANGE_INCOMPLETE');
      expect(atMs).to.be.within(2_800, 3_000);
    });
  }
});

describe('The time without progress', () => {
  for (const [what, jumpMs] of [
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ] as const) {
    it(`is the same by a clock that is set ${what}, also while reads queue for a budget that others use`, () => {
      let offsetMs = 0;
      const scheduler = Object.create(asyncScheduler, { now: { value: () => asyncScheduler.now() + offsetMs } }) as typeof asyncScheduler;
      const pages = Array.from({ length: 100 }, (_, i) => ({ lagMs: i === 0 ? 5_000 : 6_000 }));
      // Each read queues for 3 s, of which 1 s counts; its clock is set while it counts.
      const budget: ReadBudget = {
        acquire: () => timer(500).pipe(concatMap(() => ((offsetMs += jumpMs), timer(2_500)))),
        spend: () => undefined,
        forget: () => undefined,
      };
      const [text, atMs] = outcome(read(pagesPort(pages), { budget, scheduler }));
      expect(text).to.equal(' RECOVERY_TIMEOUT');
      // Ten times a second that counts, give or take a quarter of one.
      expect(atMs).to.be.within(9 * 3_000, 16 * 3_000);
    });
  }
});

describe('Reading ranges within a budget', () => {
  it('keeps its reads as far apart as the budget says, at the newest record too', () => {
    const port = pagesPort([{ records: [portRecord(1)], lagMs: 0 }, { lagMs: 0 }]);
    const [text, atMs] = outcome(read(port, { budget: readBudget({ readsPerSecond: 2 }) }));
    expect([text, atMs]).to.deep.equal(['1 RANGE_INCOMPLETE', 16 * 500]);
  });
});
