import { defer, Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { reducedFault } from '../internal/aws-fault.js';
import { MAX_TIMER_MS } from '../internal/delay.js';
import type { FirstContact } from '../internal/first-contact.js';
import { Lanes } from '../internal/lanes.js';
import { TimeoutError } from '../internal/request-timeout.js';
import { subscribeWithin } from '../internal/subscribe-within.js';
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

/**
 * Makes the function that watches calls. Errors of a user's own port are reduced, as those of the SDK are.
 *
 * @remarks It is done for each read of each shard, so it is one subscriber and not an operator for each rule.
 */
export function watchedCalls({ requestTimeoutMs, scheduler, contact }: PortWatch): WatchedCall {
  return <T>(name: string, call: () => Observable<T>) =>
    new Observable<T>((subscriber) => {
      let isAnswered = false;
      let limit: Subscription | undefined = undefined;
      const fail = (error: unknown): void => subscriber.error(contact.judge(error));
      contact.noteTry();
      subscribeWithin(subscriber, defer(call), {
        next: (answer) => {
          isAnswered = true;
          limit?.unsubscribe();
          contact.noteAnswer();
          subscriber.next(answer);
        },
        error: (error) => fail(reducedFault(error)),
        // No verdict of the service: it is tried again.
        complete: () => (isAnswered ? subscriber.complete() : fail(new TypeError(`${name} was answered with nothing`))),
      });
      if (isAnswered || subscriber.closed || requestTimeoutMs > MAX_TIMER_MS) return;
      limit = scheduler.schedule(() => fail(new TimeoutError(name, requestTimeoutMs)), requestTimeoutMs);
      subscriber.add(limit);
    });
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
