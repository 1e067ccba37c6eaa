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
    for (let quietMs = 2_500; quietMs < 5_000; quietMs += 7) {
      const fifth = Math.floor(quietMs / 5);
      expect(pauseAt(quietMs), `${quietMs} ms`).to.be.within(fifth - 39, fifth);
    }
  });

  describe('of a shard that has long been silent', () => {
    const MAX = 1_000;
    /** The time of a shard whose number by chance is `random`, in each second. */
    const timeOf = (random: number): number => Math.floor((random * MAX) / 40) * 40;
    /** A time at which the shard is due. */
    const dueAt = (random: number): number => Math.ceil(BEGIN / MAX) * MAX + 60_000 + timeOf(random);
    const silent = (random: number): IdlePauses => {
      const pauses = new IdlePauses(pausePolicy(undefined, undefined), BEGIN, () => random);
      pauses.next(BEGIN); // The first pause is longer by chance.
      return pauses;
    };

    for (const random of [0, 0.25, 0.999]) {
      it(`ends at the shard's own time in each second, whenever the answer comes (random ${random})`, () => {
        for (let lateMs = 0; lateMs <= MAX / 2; lateMs++) {
          const answeredAt = dueAt(random) + lateMs;
          const readAt = answeredAt + silent(random).next(answeredAt);
          expect(readAt, `${lateMs} ms late`).to.equal(dueAt(random) + MAX);
        }
      });
    }

    it('is half as long at the least, and at its time again with the next but one', () => {
      for (let lateMs = MAX / 2 + 1; lateMs < MAX - 3; lateMs++) {
        const pauses = silent(0.4);
        const answeredAt = dueAt(0.4) + lateMs;
        const pause = pauses.next(answeredAt);
        expect(pause, `${lateMs} ms late`).to.be.within(MAX / 2, MAX);
        const nextAt = answeredAt + pause;
        expect((nextAt + pauses.next(nextAt)) % MAX, `${lateMs} ms late`).to.equal(timeOf(0.4));
      }
    });

    it('is whole when a timer fired early by the clock', () => {
      for (const earlyMs of [1, 2, 0.5]) expect(silent(0.4).next(dueAt(0.4) - earlyMs)).to.equal(MAX);
    });

    it('parts a thousand that are answered at the same time, wherever that lies in the second', () => {
      for (let answeredAt = dueAt(0); answeredAt < dueAt(0) + MAX; answeredAt += 90) {
        const together = new Map<number, number>();
        for (let i = 0; i < 1_000; i++) {
          const slot = Math.floor(silent(i / 1_000).next(answeredAt) / 40);
          together.set(slot, (together.get(slot) ?? 0) + 1);
        }
        expect(Math.max(...together.values()), `${answeredAt % MAX} ms`).to.be.at.most(200);
      }
    });
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
