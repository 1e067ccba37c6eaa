import { defer, Observable, type SchedulerLike, type Subscriber, type Subscription } from 'rxjs';
import { reducedFault } from '../internal/aws-fault.js';
import { MAX_TIMER_MS } from '../internal/delay.js';
import type { FirstContact } from '../internal/first-contact.js';
import { Lanes } from '../internal/lanes.js';
import { TimeoutError } from '../internal/request-timeout.js';
import { subscribeWithin, type Handlers } from '../internal/subscribe-within.js';
import type { KinesisPort } from './port.js';

/** How the calls of a port are watched. */
export interface PortWatch {
  /** How long a call may take, in ms: a gateway may drop a connection silently. */
  readonly requestTimeoutMs: number;
  readonly scheduler: SchedulerLike;
  readonly contact: FirstContact;
}

/** Makes a call whose errors are reduced, and which errors when it is not answered in time, or, before the first answer, when the set-up is at fault. */
export type WatchedCall = <T>(name: string, call: () => Observable<T>) => Observable<T>;

/** Makes the function that watches calls. Errors of a user's own port are reduced, as those of the SDK are. */
export function watchedCalls(watch: PortWatch): WatchedCall {
  return <T>(name: string, call: () => Observable<T>) =>
    new Observable<T>((subscriber) => new Watched(watch, name, subscriber).begin(call));
}

/** A call that is watched: one subscriber and not an operator for each rule, since each read of each shard makes it. */
class Watched<T> implements Handlers<T> {
  readonly #watch: PortWatch;
  readonly #name: string;
  readonly #subscriber: Subscriber<T>;
  #isAnswered = false;
  #limit: Subscription | undefined;

  constructor(watch: PortWatch, name: string, subscriber: Subscriber<T>) {
    this.#watch = watch;
    this.#name = name;
    this.#subscriber = subscriber;
  }

  begin(call: () => Observable<T>): void {
    const { contact, requestTimeoutMs, scheduler } = this.#watch;
    contact.noteTry();
    subscribeWithin(this.#subscriber, defer(call), this);
    if (this.#isAnswered || this.#subscriber.closed || requestTimeoutMs > MAX_TIMER_MS) return;
    this.#limit = scheduler.schedule(() => this.#fail(new TimeoutError(this.#name, requestTimeoutMs)), requestTimeoutMs);
    this.#subscriber.add(this.#limit);
  }

  next(answer: T): void {
    this.#isAnswered = true;
    this.#limit?.unsubscribe();
    this.#watch.contact.noteAnswer();
    this.#subscriber.next(answer);
  }

  error(error: unknown): void {
    this.#fail(reducedFault(error));
  }

  complete(): void {
    if (this.#isAnswered) this.#subscriber.complete();
    // No verdict of the service: it is tried again.
    else this.#fail(new TypeError(`${this.#name} was answered with nothing`));
  }

  #fail(error: unknown): void {
    this.#subscriber.error(this.#watch.contact.judge(error));
  }
}

/** Makes a port whose calls are watched, and which asks for a few iterators at a time. */
export function watchedPort(port: KinesisPort, watched: WatchedCall, scheduler: SchedulerLike): KinesisPort {
  const openings = new Lanes(MAX_OPENINGS, { patienceMs: OPENING_PATIENCE_MS, scheduler });
  return {
    listShards: (request) => watched('ListShards', () => port.listShards(request)),
    getShardIterator: (request) => openings.run(watched('GetShardIterator', () => port.getShardIterator(request))),
    getRecords: (request) => watched('GetRecords', () => port.getRecords(request)),
  };
}

/**
 * How many iterators are asked for at once. A client has fifty connections, and keeps the calls that find none: signed already, and with their time
 * running. With a thousand shards under way at once, V8 also takes what a call makes for what lives long, and is never told better.
 */
const MAX_OPENINGS = 16;
/** How long calls for iterators keep others waiting. A call takes some ten or twenty ms; one that is never answered must keep no other shard from being read. */
const OPENING_PATIENCE_MS = 1_000;
