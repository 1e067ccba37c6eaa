import { defer, throwIfEmpty, type Observable, type SchedulerLike } from 'rxjs';
import { reduced } from '../internal/aws-fault.js';
import type { FirstContact } from '../internal/first-contact.js';
import { answeredWithin } from '../internal/request-timeout.js';
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
export function watchedCalls({ requestTimeoutMs, scheduler, contact }: PortWatch): WatchedCall {
  return (name, call) =>
    defer(call).pipe(
      reduced(),
      // No verdict of the service: it is tried again.
      throwIfEmpty(() => new TypeError(`${name} was answered with nothing`)),
      answeredWithin(requestTimeoutMs, name, scheduler),
      contact.watch(),
    );
}

/** Makes a port whose calls are watched. */
export function watchedPort(port: KinesisPort, watched: WatchedCall): KinesisPort {
  return {
    listShards: (request) => watched('ListShards', () => port.listShards(request)),
    getShardIterator: (request) => watched('GetShardIterator', () => port.getShardIterator(request)),
    getRecords: (request) => watched('GetRecords', () => port.getRecords(request)),
  };
}
