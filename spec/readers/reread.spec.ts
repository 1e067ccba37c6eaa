import { expect } from 'chai';
import { concat, map } from 'rxjs';
import { resolveKinesis } from '../../lib/readers/config.js';
import { rereadWith } from '../../lib/readers/reread.js';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { pagesPort, portRecord, type LogPort } from '../support/log-port.js';
import { unbounded, withEnd } from '../support/range-reading.js';
import { rangeOf } from '../support/ranges.js';

describe('rereadWith', () => {
  const stream = { streamName: 'stream', id: { StreamName: 'stream' } } as const;
  const empty = Array.from({ length: 80 }, (_, i) => ({ lagMs: 1_000 * (80 - i) }));
  const pages = [{ records: [portRecord(1)], lagMs: 90_000 }, ...empty, { records: [portRecord(2)], lagMs: 0 }];

  /** Re-reads the same range of a shard twice, one after the other. */
  function readTwice(port: LogPort): string[] {
    const seen: string[] = [];
    marbles(({ flush }) => {
      const reread = rereadWith(resolveKinesis({ client: port, budget: unbounded() }), stream, 'shardId-000000000000');
      const read$ = reread([rangeOf(1, 2, 2)], { retryTimeoutMs: 2_000 }).pipe(
        map((page) => page.map(({ sequenceNumber }) => sequenceNumber).join('')),
      );
      concat(withEnd(read$), withEnd(read$)).subscribe((text) => seen.push(text));
      flush();
    })();
    return seen;
  }

  it('goes on where the last read of the shard stopped, whoever asks again', () => {
    const port = pagesPort(pages);
    port.faults.set(40, 'never');
    expect(readTwice(port)).to.deep.equal(['1 RECOVERY_TIMEOUT', '12 complete']);
    const again = port.reads.map(([index]) => index).slice(41);
    expect(again).to.deep.equal([0, ...Array.from({ length: 42 }, (_, i) => 40 + i)]);
  });

  it('forgets where it was once all has been read', () => {
    const port = pagesPort(pages);
    expect(readTwice(port)).to.deep.equal(['12 complete', '12 complete']);
    expect(port.reads).to.have.length(2 * 82);
  });
});
