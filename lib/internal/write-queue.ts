import { defer, finalize, Observable, Subject, type Subscription } from 'rxjs';
import { KeyedQueue } from './keyed-queue.js';

/** A write to a store. */
export interface StoreWrite<T> {
  /** What it writes to. */
  readonly key: string;
  /** How the error of a later write names it. */
  readonly name: string;
  readonly work: Observable<T>;
  /** Whether it may be unsubscribed: it does no harm when it arrives nevertheless, after a later write. @defaultValue false */
  readonly mayComeLate?: boolean;
  /** Makes the error of this write when the one before it hangs. */
  readonly refusal: (before: string) => Error;
}

/** A write that has its turn, or waits for it. */
interface OwnWrite {
  readonly name: string;
  readonly mayComeLate: boolean;
  run?: Subscription;
  /** Whether its caller has unsubscribed before its end. */
  isGivenUp: boolean;
  isHung: boolean;
}

/**
 * Lets the writes to a key wait for one another, and each that has begun run to its end, even when it is unsubscribed: a write cannot be undone.
 *
 * @remarks
 * A write that waits is dropped when it is unsubscribed. If its caller has waited for a write that was unsubscribed too, that one hangs: it is
 * unsubscribed if it may come late, else later writes to the key error until it ends.
 */
export class WriteQueue {
  readonly #turns = new KeyedQueue();
  /** The write to each key that has its turn. */
  readonly #underWay = new Map<string, OwnWrite>();

  /** A cold Observable that subscribes to the work once every earlier write to the key has ended. */
  run<T>({ key, name, work, mayComeLate = false, refusal }: StoreWrite<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      const before = this.#underWay.get(key);
      if (before?.isHung) throw refusal(before.name);
      const own: OwnWrite = { name, mayComeLate, isGivenUp: false, isHung: false };
      const result = new Subject<T>();
      result.subscribe(subscriber);
      own.run = this.#turns.run(key, this.#noting(key, own, work)).subscribe(result);
      subscriber.add(() => this.#leave(key, own));
    });
  }

  #noting<T>(key: string, own: OwnWrite, work: Observable<T>): Observable<T> {
    return defer(() => {
      this.#underWay.set(key, own);
      return work;
    }).pipe(finalize(() => this.#underWay.delete(key)));
  }

  /** Notes that nobody waits for a write any more. */
  #leave(key: string, own: OwnWrite): void {
    const underWay = this.#underWay.get(key);
    if (underWay === own) own.isGivenUp = true;
    if (underWay === own || own.run?.closed) return;
    own.run?.unsubscribe();
    if (!underWay?.isGivenUp) return;
    if (underWay.mayComeLate) underWay.run?.unsubscribe();
    else underWay.isHung = true;
  }
}

/** The hidden property of an object that holds the queue of its writes. Every copy of the package in a process finds it by this symbol. */
const WRITES: unique symbol = Symbol.for('rx-kinesis/1/writes') as never;

/** The queue of all writes to what this object gives access to, such as a database or a client. */
export function writesTo(owner: object): WriteQueue {
  const known = (owner as { readonly [WRITES]?: WriteQueue })[WRITES] ?? sealed.get(owner);
  if (known) return known;
  const queue = new WriteQueue();
  if (!Reflect.defineProperty(owner, WRITES, { value: queue })) sealed.set(owner, queue);
  return queue;
}

/** The queues of objects that take no property. */
const sealed = /* @__PURE__ */ new WeakMap<object, WriteQueue>();
