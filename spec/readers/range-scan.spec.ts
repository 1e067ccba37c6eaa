import { expect } from 'chai';
import fc from 'fast-check';
import { isRangeExpired, isRangeIncomplete, type RangeExpiredError, type RangeIncompleteError } from '../../lib/kinesis/errors.js';
import { RangeScan } from '../../lib/readers/range-scan.js';
import { comparePositions, type Position } from '../../lib/values/position.js';
import { endOf, rangeToString, startOf, type RangeToRead } from '../../lib/values/sequence-range.js';
import { recordFields } from '../support/record-fields.js';
import { rangeOf, type Place } from '../support/ranges.js';
import { thrownBy } from '../support/thrown-by.js';

type Missing = RangeExpiredError | RangeIncompleteError;

function at(place: Place): Position {
  const [sequenceNumber = '', sub = '0'] = String(place).split('.');
  return { sequenceNumber, subSequenceNumber: Number(sub) };
}

/** A scan that goes on over what is missing, and keeps it. */
function lenient(...ranges: readonly RangeToRead[]) {
  const missing: Missing[] = [];
  return { scan: new RangeScan(ranges, (error) => void missing.push(error)), missing };
}

/** A scan that does not. */
function strict(...ranges: readonly RangeToRead[]): RangeScan {
  return new RangeScan(ranges, (error) => {
    throw error;
  });
}

function picked(scan: RangeScan, places: readonly Place[]): Place[] {
  return places.filter((place) => scan.picks(at(place)));
}

function isIn(range: RangeToRead, position: Position): boolean {
  return comparePositions(startOf(range), position) <= 0 && comparePositions(position, endOf(range)) <= 0;
}

describe('RangeScan', () => {
  it('picks the records of a range, and is done at its last', () => {
    const scan = strict(rangeOf(3, 5, 3));
    const states = [1, 2, 3, 4, 5, 6].map((place) => [scan.picks(at(place)), scan.isInside, scan.isDone]);

    expect(states).to.deep.equal([
      [false, false, false],
      [false, false, false],
      [true, true, false],
      [true, true, false],
      [true, false, true],
      [false, false, true],
    ]);
  });

  it('picks like a naive filter, whatever the ranges: overlapping, the same, within one another, in any order', () => {
    const anyPlace = fc.tuple(fc.nat(12), fc.nat(2)).map(([number, sub]) => `${number}.${sub}`);
    const anyLog = fc
      .uniqueArray(anyPlace, { minLength: 1, maxLength: 25 })
      .map((places) => places.sort((a, b) => comparePositions(at(a), at(b))));
    const anyCut = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 6 });

    fc.assert(
      fc.property(anyLog, anyCut, (log, cuts) => {
        const ranges = cuts.map(([a, b]) => {
          const [from = 0, to = 0] = [a % log.length, b % log.length].sort((x, y) => x - y);
          return rangeOf(log[from]!, log[to]!, to - from + 1);
        });
        const scan = strict(...ranges);
        const expected = log.filter((place) => ranges.some((range) => isIn(range, at(place))));

        expect(scan.isDone).to.equal(ranges.length === 0);
        const got = log.filter((place) => {
          const left = log.slice(log.indexOf(place)).filter((other) => expected.includes(other)).length;
          if (!scan.isDone) expect(scan.remaining).to.be.at.least(left);
          return scan.picks(at(place));
        });
        expect(got).to.deep.equal(expected);
        expect(scan.isDone).to.equal(true);
        expect(scan.pending).to.deep.equal([]);
      }),
    );
  });

  it('says what is missing like a naive check, whatever Kinesis has dropped', () => {
    const anyLog = fc.array(fc.boolean(), { minLength: 1, maxLength: 20 });
    const anyCut = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 5 });

    fc.assert(
      fc.property(anyLog, anyCut, fc.nat(), (kept, cuts, trim) => {
        const ranges = cuts.map(([a, b]) => {
          const [from = 0, to = 0] = [a % kept.length, b % kept.length].sort((x, y) => x - y);
          return rangeOf(from, to, to - from + 1);
        });
        const left = kept.flatMap((isKept, i) => (isKept && i >= trim % kept.length ? [i] : []));
        const { scan, missing } = lenient(...ranges);
        expect(picked(scan, left)).to.deep.equal(left.filter((i) => ranges.some((range) => isIn(range, at(i)))));
        scan.end();

        const short = ranges.filter((range) => left.filter((i) => isIn(range, at(i))).length < range.recordCount);
        expect(missing.flatMap((error) => error.missing.map(rangeToString)).sort()).to.deep.equal(short.map(rangeToString).sort());
        expect(scan.isDone).to.equal(true);
      }),
    );
  });

  it('picks part of an aggregate', () => {
    expect(picked(strict(rangeOf('7.1', '8.0', 3)), ['7.0', '7.1', '7.2', '8.0', '8.1'])).to.deep.equal(['7.1', '7.2', '8.0']);
  });

  it('says that a range has expired when a later record comes first', () => {
    const range = rangeOf(3, 5, 3);
    const error = thrownBy(() => strict(range, rangeOf(8, 9, 2)).picks(at(4)));

    expect(isRangeExpired(error)).to.equal(true);
    expect(error).to.have.deep.property('missing', [range]);
    expect(error).to.have.deep.property('gap', { streamName: 'stream', shardId: range.shardId, from: at(3), firstAvailable: at(4) });
  });

  it('names the later record by its position only (regression: an event with its payload and partition key)', () => {
    const error = thrownBy(() => strict(rangeOf(3, 5, 3)).picks(recordFields(4, { partitionKey: 'secret' })));
    expect(error).to.have.deep.nested.property('gap.firstAvailable', at(4));
  });

  it('goes on with what is left of it, if it may', () => {
    const { scan, missing } = lenient(rangeOf(1, 2, 2), rangeOf(3, 5, 3));
    expect(picked(scan, [4, 5, 6])).to.deep.equal([4, 5]);
    expect(missing.map((error) => error.code)).to.deep.equal(['RANGE_EXPIRED', 'RANGE_EXPIRED']);
    expect(scan.isDone).to.equal(true);
  });

  it('says that a range is incomplete when its count or its end is wrong', () => {
    const cases: ReadonlyArray<readonly [range: RangeToRead, places: readonly number[], found: number]> = [
      [rangeOf(3, 5, 4), [3, 4, 5], 3],
      [rangeOf(3, 5, 2), [3, 4, 5], 3],
      [rangeOf(3, 5, 2), [3, 4, 6], 2],
      [rangeOf(3, 5, 3), [3, 9], 1],
    ];
    for (const [range, places, found] of cases) {
      const error = thrownBy(() => picked(strict(range), places));
      expect(isRangeIncomplete(error)).to.equal(true);
      expect(error).to.deep.include({ missing: [range], found });
    }
  });

  it('says at the end what is pending', () => {
    const { scan, missing } = lenient(rangeOf(3, 5, 3), rangeOf(8, 9, 2));
    expect(picked(scan, [3, 4])).to.deep.equal([3, 4]);
    expect(scan.pending).to.deep.equal([rangeOf(3, 5, 3), rangeOf(8, 9, 2)]);
    scan.end();

    expect(missing.map(({ code, missing: [range] }) => [code, range])).to.deep.equal([
      ['RANGE_INCOMPLETE', rangeOf(3, 5, 3)],
      ['RANGE_EXPIRED', rangeOf(8, 9, 2)],
    ]);
    expect([scan.isDone, scan.pending]).to.deep.equal([true, []]);
  });

  it('bounds what is still to come', () => {
    const scan = strict(rangeOf(3, 5, 3), rangeOf(8, 9, 2));
    const bounds = [3, 4, 5, 6, 8, 9].map((place) => {
      scan.picks(at(place));
      return scan.remaining;
    });
    expect(bounds).to.deep.equal([4, 3, 2, 2, 1, 1]);
  });

  it('names the first record that is there by its position, and keeps nothing else of it', () => {
    const record = { ...at(4), partitionKey: 'secret', data: new Uint8Array(1) };
    const error = thrownBy(() => strict(rangeOf(3, 5, 3)).picks(record)) as RangeExpiredError;
    expect(error.gap.firstAvailable).to.deep.equal(at(4));
  });

  it('refuses a range at the end of the page on which it gives more than its count', () => {
    const scan = strict(rangeOf(3, 99, 2));
    expect(picked(scan, [3, 4])).to.deep.equal([3, 4]);
    scan.endPage();
    scan.picks(at(5));
    expect(thrownBy(() => scan.endPage())).to.deep.include({ found: 3, missing: [rangeOf(3, 99, 2)] });
  });

  it('refuses it although a part before it is gone, and says so once', () => {
    const { scan, missing } = lenient(rangeOf(3, 99, 2));
    for (const place of [5, 6, 7, 8]) {
      scan.picks(at(place));
      scan.endPage();
    }
    scan.end();
    expect(missing.map(({ code }) => code)).to.deep.equal(['RANGE_EXPIRED', 'RANGE_INCOMPLETE']);
  });

  it('counts for each of overlapping ranges what lies in it', () => {
    const scan = strict(rangeOf(1, 9, 9), rangeOf(4, 6, 3), rangeOf(5, 12, 8), rangeOf(6, 6, 1));
    const places = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    expect(picked(scan, places)).to.deep.equal(places);
    expect(scan.isDone).to.equal(true);
  });

  it('says which range is next, and how much of the nearest ones is left', () => {
    const scan = strict(rangeOf(3, 5, 3), rangeOf(4, 9, 6), rangeOf(20, 21, 2));
    expect([scan.next, scan.nearest]).to.deep.equal([rangeOf(3, 5, 3), 3]);
    picked(scan, [3, 4]);
    expect([scan.next, scan.nearest]).to.deep.equal([rangeOf(20, 21, 2), 1 + 5]);
    picked(scan, [5, 6, 7, 8, 9]);
    expect([scan.next, scan.nearest]).to.deep.equal([rangeOf(20, 21, 2), 2]);
  });

  describe('with a range that leaves out', () => {
    const bare = (from: number, to: number): RangeToRead => {
      const { streamName, shardId, fromSeqNumber, toSeqNumber } = rangeOf(from, to, 1);
      return { streamName, shardId, fromSeqNumber, toSeqNumber };
    };

    it('its sub-sequence numbers, picks whole aggregates at both ends', () => {
      const places = ['3.0', '3.1', '5.0', '9.0', '9.1', '10.0'];
      const scan = strict(bare(3, 9));
      expect(picked(scan, places)).to.deep.equal(places.slice(0, -1));
      expect(scan.isDone).to.equal(true);
    });

    it('its sub-sequence numbers, is done at the end of the page that ends with it', () => {
      const scan = strict(bare(3, 9));
      picked(scan, ['3.0', '9.0', '9.1']);
      expect(scan.isDone).to.equal(false);
      scan.endPage();
      expect(scan.isDone).to.equal(true);
    });

    it('where in its first aggregate it begins, takes the first user record that is there for the beginning', () => {
      const scan = strict(bare(3, 9));
      expect(picked(scan, ['3.2', '9.0'])).to.deep.equal(['3.2', '9.0']);
    });

    it('its count, is not counted', () => {
      const { scan, missing } = lenient(bare(3, 9), bare(4, 7));
      picked(scan, [3, 4, 5, 7, 9, 10]);
      expect([missing, scan.isDone]).to.deep.equal([[], true]);
    });

    it('its count, is incomplete all the same without its last record', () => {
      const { scan, missing } = lenient(bare(3, 9));
      picked(scan, [3, 8, 10]);
      expect(missing.map(({ message }) => message)).to.deep.equal(['stream/shardId-000000000000[3..9]: found 2 records, and not its last']);
    });

    it('its count, is taken to hold as many again as it has given', () => {
      const scan = strict(bare(1, 100_000));
      expect(scan.remaining).to.equal(1_000);
      for (let place = 1; place <= 5_000; place++) scan.picks(at(place));
      expect([scan.remaining, scan.nearest]).to.deep.equal([5_000, 5_000]);
    });
  });
});
