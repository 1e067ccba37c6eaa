import { map } from 'rxjs';
import type { Reread } from '../checkpoints/shard-account.js';
import { readRanges } from '../kinesis/range-reader.js';
import { fieldsOf } from '../kinesis/reading.js';
import type { ResolvedStream } from '../kinesis/stream-id.js';
import { readContext, type KinesisMeans } from './config.js';

/** Lets operators read parts of a shard again, with the client and within the budget of the source that read it first. */
export function rereadWith(means: KinesisMeans, stream: ResolvedStream, shardId: string): Reread {
  return (ranges, { retryTimeoutMs }) =>
    readRanges(ranges, () => readContext(means, stream, shardId), { retryTimeoutMs, concurrency: 1, maxRecordsPerPage: 10_000 }).pipe(
      map((page) => page.records.map(fieldsOf)),
    );
}
