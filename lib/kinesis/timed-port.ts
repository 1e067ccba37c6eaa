import type { SchedulerLike } from 'rxjs';
import { answeredWithin } from '../internal/request-timeout.js';
import type { KinesisPort } from './port.js';

/** A port whose calls error when they are not answered within `limitMs`: a gateway may drop a connection without a word. */
export function timedPort(port: KinesisPort, limitMs: number, scheduler: SchedulerLike): KinesisPort {
  return {
    listShards: (request) => port.listShards(request).pipe(answeredWithin(limitMs, 'ListShards', scheduler)),
    getShardIterator: (request) => port.getShardIterator(request).pipe(answeredWithin(limitMs, 'GetShardIterator', scheduler)),
    getRecords: (request) => port.getRecords(request).pipe(answeredWithin(limitMs, 'GetRecords', scheduler)),
  };
}
