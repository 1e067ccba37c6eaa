import { map, type Observable } from 'rxjs';
import { EmptyStretches } from './empty-stretches.js';
import { readRanges } from './range-reader.js';
import type { ResolvedStream } from '../kinesis/stream-id.js';
import type { RecordFields } from '../values/record.js';
import type { RangeToRead } from '../values/sequence-range.js';
import { readContext, type ResolvedKinesisConfig } from './config.js';

/** Re-reads ranges of a shard, page by page, with the client and the options of the source that read them first. */
export type Reread<Range extends RangeToRead = RangeToRead> = (
  ranges: readonly Range[],
  options: { readonly retryTimeoutMs: number },
) => Observable<readonly RecordFields[]>;

/**
 * Makes the function with which operators re-read parts of a shard, with the client and within the budget of its source.
 *
 * @remarks A retry after a failure skips the empty pages that were read before.
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
