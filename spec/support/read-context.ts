import { asyncScheduler, defer, repeat, takeWhile, type Observable } from 'rxjs';
import { readBudget } from '../../lib/kinesis/read-budget.js';
import type { ReadContext, ShardPage } from '../../lib/readers/reader.js';
import { FirstContact } from '../../lib/internal/first-contact.js';
import { watchedCalls } from '../../lib/kinesis/watched-port.js';
import { retryPolicy } from '../../lib/kinesis/retry.js';
import type { ShardCursor } from '../../lib/readers/shard-cursor.js';
import type { FakeKinesis } from '../../lib/testing/kinesis/fakeKinesis.js';
import type { UntimedEvent } from '../../lib/monitoring/events.js';

/** How to read the first shard of a fake: no budget, three retries at once, gaps fail. Events are kept. */
export function readContext(kinesis: FakeKinesis, fields: Partial<ReadContext> = {}): ReadContext & { readonly events: UntimedEvent[] } {
  const events: UntimedEvent[] = [];
  return {
    stream: { streamName: 'stream', id: { StreamName: 'stream' } },
    shardId: 'shardId-000000000000',
    client: kinesis,
    port: kinesis,
    watched: watchedCalls({ requestTimeoutMs: Infinity, scheduler: asyncScheduler, contact: new FirstContact('Kinesis', asyncScheduler) }),
    budget: readBudget({ readsPerSecond: Infinity, bytesPerSecond: Infinity }),
    retry: retryPolicy({ maxRetries: 3, initialDelayMs: 0 }, asyncScheduler, () => 0),
    scheduler: asyncScheduler,
    random: () => 0,
    onGap: 'fail',
    deaggregate: true,
    payloads: 'slabs',
    notify: (event) => void events.push(event),
    events,
    ...fields,
  };
}

/** A page in short: its data as text, `|` when the shard has ended. */
export function pageText({ records, ended }: Pick<ShardPage, 'ended' | 'records'>): string {
  return `${records.map(({ data }) => new TextDecoder().decode(data)).join('')}${ended ? '|' : ''}`;
}

/** Reads page after page, a millisecond apart, to the end of the shard. */
export function pagesFrom(cursor: ShardCursor, limit = 10_000): Observable<ShardPage> {
  return defer(() => cursor.read(limit)).pipe(
    repeat({ delay: 1 }),
    takeWhile(({ ended }) => !ended, true),
  );
}
