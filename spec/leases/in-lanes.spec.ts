import { expect } from 'chai';
import { defer, NEVER, of, Subject, type Observable } from 'rxjs';
import { inLanes } from '../../lib/leases/in-lanes.js';

describe('inLanes', () => {
  const ITEMS = [...Array(10).keys()];
  let began: number[];
  /** Work that notes that it begins. */
  const noting =
    <R>(work: (item: number) => Observable<R>) =>
    (item: number): Observable<R> =>
      defer(() => {
        began.push(item);
        return work(item);
      });

  beforeEach(() => void (began = []));

  it('works on so many items at a time, and emits what comes of each', () => {
    const ends = ITEMS.map(() => new Subject<string>());
    const results: string[] = [];
    inLanes(
      ITEMS,
      3,
      noting((item) => ends[item]!),
    ).subscribe((result) => results.push(result));
    expect(began).to.deep.equal([0, 1, 2]);
    ends[1]!.next('b');
    ends[1]!.complete();
    expect(began).to.deep.equal([0, 1, 2, 3]);
    expect(results).to.deep.equal(['b']);
  });

  it('takes any number of items whose work ends synchronously', () => {
    let last: number | undefined;
    inLanes([...Array(50_000).keys()], 2, (item) => of(item)).subscribe((item) => (last = item));
    expect(last).to.equal(49_999);
  });

  it('begins no more work when it is unsubscribed', () => {
    inLanes(
      ITEMS,
      3,
      noting(() => NEVER),
    )
      .subscribe()
      .unsubscribe();
    expect(began).to.deep.equal([0, 1, 2]);
  });

  it('begins no more work after an error, now or later', () => {
    const failing = new Subject<never>();
    const errors: unknown[] = [];
    inLanes(
      ITEMS,
      3,
      noting(() => failing),
    ).subscribe({ error: (error: unknown) => errors.push(error) });
    failing.error('broken');
    expect(errors).to.deep.equal(['broken']);
    expect(began).to.deep.equal([0, 1, 2]);

    began = [];
    inLanes(
      ITEMS,
      3,
      noting((item) =>
        defer(() => {
          if (item === 1) throw new Error('at once');
          return NEVER;
        }),
      ),
    ).subscribe({ error: () => undefined });
    expect(began).to.deep.equal([0, 1]);
  });
});
