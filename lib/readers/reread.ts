import { map, type Observable } from 'rxjs';
import { EmptyStretches } from './empty-stretches.js';
import { readRanges } from './range-reader.js';
import type { ResolvedStream } from '../kinesis/stream-id.js';
import type { RecordFields } from '../values/record.js';
import type { SequenceNumberRange } from '../values/sequence-range.js';
import { readContext, type ResolvedKinesisConfig } from './config.js';

/** Reads ranges of a shard again, page by page, with the means of the source that read them first. */
export type Reread = (
  ranges: readonly SequenceNumberRange[],
  options: { readonly retryTimeoutMs: number },
) => Observable<readonly RecordFields[]>;

/**
 * Lets operators read parts of a shard again, with the client and within the budget of the source that read it first.
 *
 * @remarks What fails goes on where it was when it is tried again: empty pages are not read twice.
 */
export function rereadWith(means: ResolvedKinesisConfig, stream: ResolvedStream, shardId: string): Reread {
  const stretches = new EmptyStretches();
  return (ranges, { retryTimeoutMs }) =>
    readRanges(
      ranges,
      () => readContext(means, stream, shardId),
      { retryTimeoutMs, concurrency: 1, maxRecordsPerPage: 10_000 },
      () => stretches,
    ).pipe(map((page) => page.records));
}
