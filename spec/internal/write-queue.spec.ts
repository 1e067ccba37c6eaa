import { expect } from 'chai';
import { defer, of, Subject, tap, throwError, type Observable } from 'rxjs';
import { WriteQueue, writesTo } from '../../lib/internal/write-queue.js';

/** A queue, and a function that subscribes a write to its one key, which the test ends. */
function queued(mayComeLate = false) {
  const queue = new WriteQueue();
  const log: string[] = [];
  const works = new Map<string, Subject<string>>();
  const write = (name: string, work: Observable<string> = new Subject<string>()) => {
    works.set(name, work as Subject<string>);
    const noted = defer(() => {
      log.push(`${name} begins`);
      return work.pipe(tap({ unsubscribe: () => log.push(`${name} is unsubscribed`) }));
    });
    const refusal = (before: string): Error => new Error(`${before} hangs`);
    return queue.run({ key: 'key', name, work: noted, mayComeLate, refusal }).subscribe({
      next: (value) => log.push(`${name} emits ${value}`),
      error: (error: unknown) => log.push(`${name} errors: ${(error as Error).message}`),
      complete: () => log.push(`${name} completes`),
    });
  };
  return { log, write, end: (name: string): void => works.get(name)!.complete() };
}

describe('WriteQueue', () => {
  it('begins a write when the one before it has ended, and passes on what it emits and how it ends', () => {
    const { log, write, end } = queued();
    write('a');
    write('b', of('value'));
    write(
      'c',
      throwError(() => new Error('down')),
    );
    expect(log).to.deep.equal(['a begins']);
    end('a');
    expect(log.slice(1)).to.deep.equal(['a completes', 'b begins', 'b emits value', 'b completes', 'c begins', 'c errors: down']);
  });

  it('lets a write that is unsubscribed run to its end before it begins the next', () => {
    const { log, write, end } = queued();
    write('a').unsubscribe();
    write('b');
    expect(log).to.deep.equal(['a begins']);
    end('a');
    expect(log.slice(1)).to.deep.equal(['b begins']);
  });

  it('drops a write that is unsubscribed while it waits', () => {
    const { log, write, end } = queued();
    write('a');
    write('b').unsubscribe();
    end('a');
    expect(log).to.deep.equal(['a begins', 'a completes']);
  });

  it('refuses a write behind one that hangs: that was unsubscribed, as was one that waited for it; until it ends', () => {
    const { log, write, end } = queued();
    write('a').unsubscribe();
    write('b').unsubscribe();
    write('c');
    write('d');
    expect(log).to.deep.equal(['a begins', 'c errors: a hangs', 'd errors: a hangs']);
    end('a');
    write('e', of('value'));
    expect(log.slice(3)).to.deep.equal(['e begins', 'e emits value', 'e completes']);
  });

  it('lets what waited already begin when one that hangs ends after all', () => {
    const { log, write, end } = queued();
    write('a').unsubscribe();
    write('b');
    write('c').unsubscribe();
    write('d');
    expect(log).to.deep.equal(['a begins', 'd errors: a hangs']);
    end('a');
    expect(log.slice(2)).to.deep.equal(['b begins']);
  });

  it('unsubscribes one that hangs and may come late, and begins the next', () => {
    const { log, write, end } = queued(true);
    write('a').unsubscribe();
    write('b').unsubscribe();
    expect(log).to.deep.equal(['a begins', 'a is unsubscribed']);
    write('c');
    end('c');
    expect(log.slice(2)).to.deep.equal(['c begins', 'c completes']);
  });

  it('does not call it hanging while its own caller waits for it', () => {
    for (const mayComeLate of [false, true]) {
      const { log, write, end } = queued(mayComeLate);
      write('a');
      write('b').unsubscribe();
      write('c');
      end('a');
      expect(log).to.deep.equal(['a begins', 'a completes', 'c begins']);
    }
  });

  it('does not call a write hanging that has ended, however it is left', () => {
    const { log, write, end } = queued();
    const first = write('a');
    end('a');
    first.unsubscribe();
    const second = write('b', of('value'));
    second.unsubscribe();
    write('c');
    write('d').unsubscribe();
    write('e');
    end('c');
    expect(log.slice(2)).to.deep.equal(['b begins', 'b emits value', 'b completes', 'c begins', 'c completes', 'e begins']);
  });

  it('keeps keys apart', () => {
    const queue = new WriteQueue();
    const begun: string[] = [];
    const writeTo = (key: string): void => {
      const work = defer(() => (begun.push(key), new Subject()));
      queue.run({ key, name: 'it', work, refusal: () => new Error('hangs') }).subscribe();
    };
    for (const key of ['a', 'a', 'b']) writeTo(key);
    expect(begun).to.deep.equal(['a', 'b']);
  });

  it('is one for each object', () => {
    const [a, b] = [{}, {}];
    expect(writesTo(a)).to.equal(writesTo(a)).and.not.to.equal(writesTo(b));
    expect([a, Object.keys(a)]).to.deep.equal([{}, []]);
  });

  it('is one for an object that takes no property', () => {
    const frozen = Object.freeze({});
    expect(writesTo(frozen)).to.equal(writesTo(frozen));
  });
});
