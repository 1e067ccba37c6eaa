import { catchError, defer, tap, throwError, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { UnreachableError } from '../values/errors.js';
import { placeOf, type ClientPlace } from './client-place.js';
import { setUpFaultOf } from './set-up-fault.js';

/**
 * Until a service has answered once, turns a fault of the set-up into an error that says what to do, within seconds, so that it is not
 * retried as a passing one. After the first answer it propagates all faults unchanged.
 */
export class FirstContact {
  readonly #service: string;
  readonly #scheduler: SchedulerLike;
  readonly #place: ClientPlace | undefined;
  #hasAnswered = false;
  #firstTryMs: number | undefined;

  /**
   * @param service - how the message names it.
   * @param place - where its calls go, unless its errors know that already.
   */
  constructor(service: string, scheduler: SchedulerLike, place?: ClientPlace) {
    this.#service = service;
    this.#scheduler = scheduler;
    this.#place = place;
  }

  /** Watches a call, which errors with an `UnreachableError`, not retriable, when the set-up is at fault. */
  watch<T>(): MonoTypeOperatorFunction<T> {
    return (call$) =>
      defer(() => {
        this.noteTry();
        return call$.pipe(
          tap(() => this.noteAnswer()),
          catchError((error: unknown) => throwError(() => this.judge(error))),
        );
      });
  }

  /** Notes that a call is made. */
  noteTry(): void {
    this.#firstTryMs ??= this.#scheduler.now();
    this.#place?.ask();
  }

  /** Notes that a call was answered. */
  noteAnswer(): void {
    this.#hasAnswered = true;
  }

  /** The error of a call: an `UnreachableError` in its place when the set-up is at fault. */
  judge(error: unknown): unknown {
    this.#place?.note(error);
    const fault = this.#hasAnswered ? undefined : setUpFaultOf(error);
    if (!fault) return error;
    const triedMs = Math.abs(this.#scheduler.now() - this.#firstTryMs!);
    if (!fault.isLasting && triedMs < PATIENCE_MS) return error;
    return new UnreachableError(this.#service, `${fault.advice}${placeOf(error)}`, error);
  }
}

/** How long calls wait for a service that is not up yet. */
const PATIENCE_MS = 5_000;
