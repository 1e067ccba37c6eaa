import { expect } from 'chai';
import { firstValueFrom, take, toArray, type Observable } from 'rxjs';
import { fromAbortable } from '../../lib/internal/fromAbortable.js';

/** A Promise that the test settles, and the signals its calls were given. */
function controllableCall() {
  const signals: AbortSignal[] = [];
  let resolve!: (value: string) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<string>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  const call = (signal: AbortSignal) => {
    signals.push(signal);
    return promise;
  };
  return { call, signals, resolve, reject, promise };
}

/** Collects what an Observable does. */
function observe<T>(source: Observable<T>) {
  const seen: string[] = [];
  const subscription = source.subscribe({
    next: (value) => seen.push(`next ${String(value)}`),
    error: (error: unknown) => seen.push(`error ${(error as Error).message}`),
    complete: () => seen.push('complete'),
  });
  return { seen, subscription };
}

describe('fromAbortable', () => {
  it('emits the result and completes, without aborting', async () => {
    const { call, signals, resolve, promise } = controllableCall();
    const { seen } = observe(fromAbortable(call));

    resolve('done');
    await promise;

    expect(seen).to.deep.equal(['next done', 'complete']);
    expect(signals.map((signal) => signal.aborted)).to.deep.equal([false]);
  });

  it('errs with the rejection, without aborting', async () => {
    const { call, signals, reject, promise } = controllableCall();
    const { seen } = observe(fromAbortable(call));

    reject(new Error('refused'));
    await promise.catch(() => undefined);

    // The text of an error of the SDK is not passed on: it may quote anything.
    expect(seen).to.deep.equal(['error Error']);
    expect(signals.map((signal) => signal.aborted)).to.deep.equal([false]);
  });

  it('aborts when unsubscribed, and ignores a late rejection', async () => {
    const { call, signals, reject, promise } = controllableCall();
    const { seen, subscription } = observe(fromAbortable(call));

    subscription.unsubscribe();
    expect(signals.map((signal) => signal.aborted)).to.deep.equal([true]);

    // Without a handler on the call's Promise mocha would fail this run on the unhandled rejection.
    reject(new Error('aborted'));
    await promise.catch(() => undefined);
    expect(seen).to.deep.equal([]);
  });

  it('ignores a late result', async () => {
    const { call, resolve, promise } = controllableCall();
    const { seen, subscription } = observe(fromAbortable(call));

    subscription.unsubscribe();
    resolve('late');
    await promise;

    expect(seen).to.deep.equal([]);
  });

  it('does not abort when unsubscribed by its own value', async () => {
    const { call, signals, resolve } = controllableCall();
    const result = firstValueFrom(fromAbortable(call).pipe(take(1)));

    resolve('done');

    expect(await result).to.equal('done');
    expect(signals.map((signal) => signal.aborted)).to.deep.equal([false]);
  });

  it('errs when the call throws, with what is safe to log, and without aborting', () => {
    const signals: AbortSignal[] = [];
    const { seen } = observe(
      fromAbortable((signal) => {
        signals.push(signal);
        throw Object.assign(new Error('secret'), { name: 'SerializationException' });
      }),
    );

    expect(seen).to.deep.equal(['error SerializationException']);
    expect(signals.map((signal) => signal.aborted)).to.deep.equal([false]);
  });

  it('makes one call a subscription, and none before', async () => {
    let calls = 0;
    const source = fromAbortable(() => Promise.resolve(++calls));

    expect(calls).to.equal(0);
    expect(await firstValueFrom(source.pipe(toArray()))).to.deep.equal([1]);
    expect(await firstValueFrom(source.pipe(toArray()))).to.deep.equal([2]);
  });
});
