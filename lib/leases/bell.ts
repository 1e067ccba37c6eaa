import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  from,
  ignoreElements,
  map,
  merge,
  of,
  repeat,
  Subject,
  take,
  tap,
  type Observable,
} from 'rxjs';
import { requestFault } from '../internal/aws-errors.js';
import { delayOf, halfJitter } from '../internal/delay.js';
import { onEnd } from '../internal/on-end.js';
import type { FleetFacts } from './fleet.js';
import { isEnded, type LeaseRow } from './lease.js';
import type { LeaseContext } from './lease-context.js';
import { isWatchedBy, type Watcher } from './watcher.js';

/** The first row may have ended or gone since it was seen: then the next one is the bell. */
const MAX_TRIES = 3;
/** A ring that failed is made again after about this time, in failover times, and later each time, up to the longest. */
const RETRY_FAILOVERS = 1 / 50;
const LONGEST_RETRY_FAILOVERS = 1 / 2;

/**
 * A number in one row of the table, which a worker increases when others should look at the table.
 *
 * @remarks
 * Reading one row costs half a read unit, or one if it is large, whatever the size of the table. The bell is a hint and decides nothing:
 * who hears it looks at the table. A ring that fails is made again until one succeeds. One that is not made since its worker died is made up for by
 * a worker that watches, at its next look.
 */
export class Bell {
  readonly #context: LeaseContext;
  readonly #wanted$ = new Subject<void>();
  readonly #rung$ = new Subject<void>();
  /** Emits after each ring. */
  readonly rung$: Observable<void> = this.#rung$.asObservable();
  #isWanted = false;
  #isRinging = false;
  /** The row that is the bell, as the last look showed it. */
  #row: LeaseRow | undefined;
  /** The keys of that row and of the next ones: only rows that a look has shown are written to. */
  #keys: readonly string[] = [];
  /** The shards that the last look showed to be ended or without owner. */
  #takeable: ReadonlySet<string> | undefined;
  #failures = 0;
  #failedRings = 0;

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /** Whether no ring is under way, but for the repetition of one that failed: a worker that stops does not wait for that. */
  get isQuiet(): boolean {
    return !this.#isWanted && !this.#isRinging;
  }

  /** Has the bell rung as soon as `run` is subscribed; rings that are wanted during another one are one. */
  ring(): void {
    this.#isWanted = true;
    this.#wanted$.next();
  }

  /** Rings when that is wanted. Never emits or errors. */
  run(): Observable<never> {
    const ring$ = defer(() => this.#ring()).pipe(repeat({ delay: () => this.#untilNextRing() }));
    return this.#wanted$.pipe(exhaustMap(() => ring$));
  }

  /** Takes what a look has shown. Where this worker watches, it rings for a change for which nobody has rung. */
  look({ bell, open, takeable: newTakeable }: FleetFacts, watcher: Watcher): void {
    const [row, takeable] = [this.#row, this.#takeable];
    this.#row = bell;
    this.#keys = lowestKeys(open);
    this.#takeable = newTakeable;
    if (watcher !== 'self' || !takeable) return;
    const isRung = row?.leaseKey === this.#row?.leaseKey && row?.rings !== this.#row?.rings;
    if (!isRung && [...this.#takeable].some((key) => !takeable.has(key))) this.ring();
  }

  /** Reads the row; emits whether this worker should look at the table. Never errors. */
  isCalled(watcher: Watcher): Observable<boolean> {
    const known = this.#row;
    if (!known) return of(false);
    const { port, observer, clock } = this.#context;
    return defer(() => port.peek(known.leaseKey)).pipe(
      map((row) => {
        this.#failures = 0;
        if (!row || isEnded(row) || row.rings !== known.rings) return true;
        observer.note(row, clock.nowMs());
        return this.#isUnwatched(known.leaseKey, watcher);
      }),
      catchError((error: unknown) => {
        this.#tell('look', error);
        return of(this.#isUnwatched(known.leaseKey, watcher));
      }),
    );
  }

  /** Whether the worker that was to watch does not do so any more. */
  #isUnwatched(key: string, watcher: Watcher): boolean {
    const { observer, clock, config } = this.#context;
    const lease = observer.leaseOf(key, clock.nowMs());
    return watcher === 'other' && !(lease && isWatchedBy(lease, config.failoverTimeMs));
  }

  #untilNextRing(): Observable<unknown> {
    const { failoverTimeMs, random, scheduler } = this.#context.config;
    if (this.#isWanted) return of(0);
    if (this.#failedRings === 0) return EMPTY;
    const retryMs = halfJitter(this.#failedRings, RETRY_FAILOVERS * failoverTimeMs, LONGEST_RETRY_FAILOVERS * failoverTimeMs, random);
    return merge(this.#wanted$, delayOf(retryMs, scheduler)).pipe(take(1));
  }

  #ring(): Observable<never> {
    this.#isWanted = false;
    this.#isRinging = true;
    return from(this.#keys).pipe(
      concatMap((key) => this.#context.port.ring(key)),
      filter((done) => done),
      take(1),
      tap({ complete: () => (this.#failedRings = 0) }),
      catchError((error: unknown) => {
        this.#failedRings += 1;
        this.#tell('ring', error);
        return EMPTY;
      }),
      onEnd((kind) => {
        this.#isRinging = false;
        if (kind !== 'unsubscribe') this.#rung$.next();
      }),
      ignoreElements(),
    );
  }

  #tell(action: 'look' | 'ring', error: unknown): void {
    const { notify, workerId } = this.#context.config;
    notify({ type: 'leaseRequestFailed', workerId, action, attempt: ++this.#failures, reason: requestFault(error), error });
  }
}

function lowestKeys(rows: readonly LeaseRow[]): string[] {
  const keys: string[] = [];
  for (const { leaseKey } of rows) {
    if (keys.length === MAX_TRIES && leaseKey > keys.at(-1)!) continue;
    keys.push(leaseKey);
    keys.sort().splice(MAX_TRIES);
  }
  return keys;
}
