import { expect } from 'chai';
import { IdlePauses, pausePolicy } from '../../lib/readers/idle-pauses.js';

const BEGIN = 1_700_000_000_017;

describe('IdlePauses', () => {
  /** The pause at `quietMs` after the last record. */
  const pauseAt = (quietMs: number, policy = pausePolicy(undefined, undefined), beginMs = BEGIN): number => {
    const pauses = new IdlePauses(policy, beginMs, () => 0);
    pauses.noteRecords(beginMs);
    return pauses.next(beginMs + quietMs);
  };

  it('gives a fifth of the time since the last record, to the millisecond while it is short', () => {
    expect([0, 1_250, 1_300, 2_000, 2_499].map((quietMs) => pauseAt(quietMs))).to.deep.equal([250, 250, 260, 400, 499]);
  });

  it('ends long pauses at multiples of 40 ms, so that silent shards are read together', () => {
    for (const quietMs of [2_500, 3_217, 5_000, 60_000, 3_600_003]) {
      expect((BEGIN + quietMs + pauseAt(quietMs)) % 40, `${quietMs} ms`).to.equal(0);
    }
  });

  it('shortens a pause for that by less than 40 ms, and never lengthens it', () => {
    for (let quietMs = 2_500; quietMs < 8_000; quietMs += 7) {
      const fifth = Math.min(Math.floor(quietMs / 5), 1_000);
      expect(pauseAt(quietMs), `${quietMs} ms`).to.be.within(fifth - 39, fifth);
    }
  });

  it('keeps to the bounds that a user gives', () => {
    const policy = pausePolicy({ min: 990, max: 1_000 }, undefined);
    for (let quietMs = 0; quietMs < 8_000; quietMs += 7) expect(pauseAt(quietMs, policy), `${quietMs} ms`).to.be.within(990, 1_000);
    for (const exact of [600, 1_000]) expect(pauseAt(9_999, pausePolicy(exact, undefined))).to.equal(exact);
  });

  it('keeps to them with a clock that has fractions of a ms, is below 0 or was set back', () => {
    const policy = pausePolicy({ min: 530, max: 540 }, undefined);
    for (const beginMs of [-1_700_000_000_000, -3_000, 0.37, 1_234.56]) {
      const pauses = new IdlePauses(policy, beginMs, () => 0);
      for (let i = 0; i < 500; i++) expect(pauses.next(beginMs + ((i * 617.3) % 9_000) - 2_000), `${beginMs}, ${i}`).to.be.within(530, 540);
    }
  });

  it('spreads shards that begin together over all multiples', () => {
    const ends = Array.from({ length: 1_000 }, (_, i) => {
      const pauses = new IdlePauses(pausePolicy({ min: 1_000, max: 2_000 }, undefined), BEGIN, () => i / 1_000);
      return BEGIN + pauses.next(BEGIN);
    });
    const together = new Map<number, number>();
    for (const end of ends) together.set(end, (together.get(end) ?? 0) + 1);
    expect(together.size).to.be.within(25, 42);
    expect(Math.max(...together.values())).to.be.at.most(60);
  });

  it("is not changed by 'low', which reads as often as Kinesis allows", () => {
    expect([0, 10, 10_000].map((quietMs) => pauseAt(quietMs, pausePolicy(undefined, 'low')))).to.deep.equal([200, 190, 0]);
  });
});
