import { defer, type Observable, type SchedulerLike } from 'rxjs';
import { reduced } from '../internal/aws-fault.js';
import type { FirstContact } from '../internal/first-contact.js';
import { answeredWithin } from '../internal/request-timeout.js';
import type { KinesisPort } from './port.js';

/** How the calls of a port are watched. */
export interface PortWatch {
  /** How long a call may take, in ms: a gateway may drop a connection without a word. */
  readonly requestTimeoutMs: number;
  readonly scheduler: SchedulerLike;
  readonly contact: FirstContact;
}

/**
 * A port whose calls error when they are not answered in time, or when at the start the set-up is at fault. Of the errors of a port of the
 * user's own no more is told than of those of the SDK.
 */
export function watchedPort(port: KinesisPort, { requestTimeoutMs, scheduler, contact }: PortWatch): KinesisPort {
  const watched = <T>(name: string, call: () => Observable<T>): Observable<T> =>
    defer(call).pipe(reduced(), answeredWithin(requestTimeoutMs, name, scheduler), contact.watch());
  return {
    listShards: (request) => watched('ListShards', () => port.listShards(request)),
    getShardIterator: (request) => watched('GetShardIterator', () => port.getShardIterator(request)),
    getRecords: (request) => watched('GetRecords', () => port.getRecords(request)),
  };
}
