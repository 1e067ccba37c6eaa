import { expect } from 'chai';
import { LatestMoment } from '../../lib/shards/latest-moment.js';

/** A start at a time, which may be put back. */
function startAt(ms: number) {
  const { start } = new LatestMoment(ms);
  if (start.type !== 'AT_TIMESTAMP') return expect.fail(start.type);
  return { now: () => start.timestamp.getTime(), putBack: (refusedMs: number) => start.putBack!(new Date(refusedMs)) };
}

describe('LatestMoment', () => {
  it('is put back each time that Kinesis says that it has not come, by twice as much', () => {
    const { now, putBack } = startAt(100_000);
    for (const expected of [99_000, 97_000, 93_000, 85_000]) {
      expect(putBack(now())).to.equal(true);
      expect(now()).to.equal(expected);
    }
  });

  it('is put back once for all shards that were refused at it together', () => {
    const { now, putBack } = startAt(100_000);
    for (let shard = 0; shard < 50; shard++) expect(putBack(100_000)).to.equal(true);
    expect(now()).to.equal(99_000);
  });

  it('is the noted moment for a shard that has one', () => {
    const latest = new LatestMoment(100_000);
    const startOf = (notedMs: number | undefined) => {
      const start = latest.startOf(notedMs);
      return start.type === 'AT_TIMESTAMP' && start.timestamp.getTime();
    };
    expect(startOf(60_000)).to.equal(60_000);
    expect(startOf(100_001)).to.equal(100_001);
    expect(startOf(undefined)).to.equal(100_000);
  });

  it('stays where it is once it is more than an hour ahead', () => {
    const { now, putBack } = startAt(10_000_000);
    while (putBack(now()));
    expect(10_000_000 - now()).to.be.within(3_600_000, 7_200_000);
    expect(putBack(now())).to.equal(false);
  });
});
