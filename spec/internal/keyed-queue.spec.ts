import { expect } from 'chai';
import { defer, EMPTY, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { KeyedQueue } from '../../lib/internal/keyed-queue.js';

/** Work that the test ends, and a list of what began. */
function controllableWork(began: string[], name: string) {
  const subject = new Subject<string>();
  return Object.assign(
    defer(() => {
      began.push(name);
      return subject;
    }),
    { end: () => subject.complete(), fail: (error: unknown) => subject.error(error) },
  );
}

describe('KeyedQueue', () => {
  it('begins work on a key when the work before it completes', () => {
    const turns = new KeyedQueue();
    const began: string[] = [];
    const first = controllableWork(began, 'first');
    const second = controllableWork(began, 'second');

    turns.run('key', first).subscribe();
    turns.run('key', second).subscribe();
    expect(began).to.deep.equal(['first']);

    first.end();
    expect(began).to.deep.equal(['first', 'second']);
  });

  it('begins the next work after an error, which goes to its own subscriber only', () => {
    const turns = new KeyedQueue();
    const began: string[] = [];
    const errors: unknown[] = [];
    const first = controllableWork(began, 'first');
    const second = controllableWork(began, 'second');

    turns.run('key', first).subscribe({ error: (error: unknown) => errors.push(['first', error]) });
    turns.run('key', second).subscribe({ error: (error: unknown) => errors.push(['second', error]) });
    first.fail('broken');

    expect(began).to.deep.equal(['first', 'second']);
    expect(errors).to.deep.equal([['first', 'broken']]);
  });

  it('begins the next work when the current one is unsubscribed', () => {
    const turns = new KeyedQueue();
    const began: string[] = [];
    const first = turns.run('key', NEVER).subscribe();
    turns.run('key', controllableWork(began, 'second')).subscribe();

    first.unsubscribe();

    expect(began).to.deep.equal(['second']);
  });

  it('ends a turn after the teardown of its work', () => {
    const turns = new KeyedQueue();
    const seen: string[] = [];
    const first = turns.run('key', new Observable<never>(() => () => seen.push('first torn down'))).subscribe();
    turns.run('key', controllableWork(seen, 'second')).subscribe();

    first.unsubscribe();

    expect(seen).to.deep.equal(['first torn down', 'second']);
  });

  it('forgets waiting work that is unsubscribed', () => {
    const turns = new KeyedQueue();
    const began: string[] = [];
    const first = controllableWork(began, 'first');

    turns.run('key', first).subscribe();
    turns.run('key', controllableWork(began, 'second')).subscribe().unsubscribe();
    turns.run('key', controllableWork(began, 'third')).subscribe();
    first.end();

    expect(began).to.deep.equal(['first', 'third']);
  });

  it('lets other keys go on', () => {
    const turns = new KeyedQueue();
    const began: string[] = [];

    turns.run('a', NEVER).subscribe();
    turns.run('b', controllableWork(began, 'b')).subscribe();

    expect(began).to.deep.equal(['b']);
  });

  it('runs work that its subscriber adds from within an end', () => {
    const turns = new KeyedQueue();
    const seen: string[] = [];

    turns.run('key', of(1)).subscribe({ complete: () => turns.run('key', of(2)).subscribe((value) => seen.push(`second ${value}`)) });

    expect(seen).to.deep.equal(['second 2']);
  });

  it('is empty again after its work, synchronous or failed', () => {
    const turns = new KeyedQueue();
    const seen: unknown[] = [];

    turns.run('key', EMPTY).subscribe();
    turns
      .run(
        'key',
        throwError(() => 'broken'),
      )
      .subscribe({ error: () => undefined });
    turns.run('key', of('fresh')).subscribe((value) => seen.push(value));

    expect(seen).to.deep.equal(['fresh']);
  });

  it('drains 50 000 synchronous turns that waited for one', () => {
    const turns = new KeyedQueue();
    const began: string[] = [];
    const first = controllableWork(began, 'first');
    let done = 0;

    turns.run('key', first).subscribe();
    for (let i = 0; i < 50_000; i++) turns.run('key', of(i)).subscribe(() => done++);
    first.end();

    expect(done).to.equal(50_000);
  });

  it('begins nothing of what waits, or comes later, once it is closed; what has begun goes on', () => {
    const turns = new KeyedQueue();
    const began: string[] = [];
    const ended: string[] = [];
    const first = controllableWork(began, 'first');
    const run = (name: string, work = controllableWork(began, name)) =>
      turns.run('key', work).subscribe({ complete: () => ended.push(name) });

    run('first', first);
    run('second');
    turns.close();
    run('third');
    expect(ended).to.deep.equal([]);
    first.end();

    expect(began).to.deep.equal(['first']);
    expect(ended).to.deep.equal(['first', 'second', 'third']);
  });
});
