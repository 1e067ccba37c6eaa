import { map, type Observable } from 'rxjs';
import { listedState, type ListedState } from '../kinesis/listShards.js';
import type { GetRecordsPage } from '../kinesis/port.js';
import type { PageContinuity } from './page-continuity.js';
import type { ReadContext } from './reader.js';

/**
 * Decides whether a shard has ended where a page, or an event of a subscription, says that nothing follows it.
 *
 * @remarks
 * The list of shards must not say that the shard is open. That it is closed it says wherever reading stands, and an old listing lacks a shard that was just made. So a page
 * that names no children, which Kinesis names at the end of a shard, and is not known to end at the newest record of a closed shard, counts only once reading was opened again
 * behind it and has brought nothing new.
 */
export class EndCheck {
  readonly #context: ReadContext;
  readonly #continuity: PageContinuity;
  /** The last record at the page that was not believed; empty where none had been read. */
  #doubtedAt: string | undefined;
  /** The opening of reading that gave it. */
  #doubtedIn: unknown;

  constructor(context: ReadContext, continuity: PageContinuity) {
    this.#context = context;
    this.#continuity = continuity;
  }

  /** Emits whether the shard has ended with this page, behind which nothing follows. @param opening - what differs once reading was opened again. */
  hasEnded(page: LastPage, opening: unknown): Observable<boolean> {
    const { port, stream, shardId } = this.#context;
    return listedState(port, stream.id, shardId).pipe(map((state) => state !== 'open' && !this.#doubts(page, state, opening)));
  }

  #doubts({ ChildShards = [], MillisBehindLatest, Records }: LastPage, state: ListedState, opening: unknown): boolean {
    if ((MillisBehindLatest === 0 && state === 'closed') || ChildShards.length > 0) return false;
    const last = Records.at(-1)?.SequenceNumber ?? this.#continuity.position?.sequenceNumber ?? '';
    const isNews = last !== this.#doubtedAt || opening === this.#doubtedIn;
    this.#doubtedAt = last;
    this.#doubtedIn = opening;
    return isNews;
  }
}

type LastPage = Pick<GetRecordsPage, 'ChildShards' | 'MillisBehindLatest' | 'Records'>;
