import { catchError, defer, tap, throwError, type MonoTypeOperatorFunction, type SchedulerLike } from 'rxjs';
import { UnreachableError } from '../values/errors.js';
import { setUpFaultOf } from './set-up-fault.js';

/**
 * Until a service has answered once, turns a fault of the set-up into an error that says what to do, within seconds, so that it is not
 * retried as a passing one. After the first answer it propagates all faults unchanged.
 */
export class FirstContact {
  readonly #service: string;
  readonly #scheduler: SchedulerLike;
  #hasAnswered = false;
  #firstTryMs: number | undefined;

  /** @param service - how the message names it. */
  constructor(service: string, scheduler: SchedulerLike) {
    this.#service = service;
    this.#scheduler = scheduler;
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
  }

  /** Notes that a call was answered. */
  noteAnswer(): void {
    this.#hasAnswered = true;
  }

  /** The error of a call: an `UnreachableError` in its place when the set-up is at fault. */
  judge(error: unknown): unknown {
    const fault = this.#hasAnswered ? undefined : setUpFaultOf(error);
    if (!fault) return error;
    const triedMs = Math.abs(this.#scheduler.now() - this.#firstTryMs!);
    return fault.isLasting || triedMs >= PATIENCE_MS ? new UnreachableError(this.#service, fault.advice, error) : error;
  }
}

/** How long calls wait for a service that is not up yet. */
const PATIENCE_MS = 5_000;
