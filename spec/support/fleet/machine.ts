import { Observable, type SchedulerAction, type SchedulerLike, type Subscription } from 'rxjs';

/**
 * A machine that runs one process: it can stand still as after SIGSTOP, die, and have its clock set. While it stands still nothing of the process runs;
 * what came due meanwhile, timers and replies, is dealt with in that order when it goes on.
 */
export class Machine {
  /** The process's timers and clock. */
  readonly scheduler: SchedulerLike;
  isDead = false;
  /** By how much its clock is ahead, in ms. */
  aheadMs = 0;
  #isPaused = false;
  #waiting: (() => void)[] = [];

  constructor(world: SchedulerLike) {
    const run = (step: () => void): void => this.#run(step);
    const schedule = <T>(work: (this: SchedulerAction<T>, state?: T) => void, delayMs = 0, state?: T): Subscription => {
      const inTurn = function (this: SchedulerAction<T>, due?: T): void {
        run(() => (this.closed ? undefined : work.call(this, due)));
      };
      return world.schedule(inTurn, delayMs, state as T);
    };
    this.scheduler = { now: () => world.now() + this.aheadMs, schedule };
  }

  /** What comes from outside, such as a reply, comes when the process runs. */
  gate<T>(source: Observable<T>): Observable<T> {
    return new Observable((subscriber) =>
      source.subscribe({
        next: (value) => this.#run(() => subscriber.next(value)),
        error: (error: unknown) => this.#run(() => subscriber.error(error)),
        complete: () => this.#run(() => subscriber.complete()),
      }),
    );
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((step) => this.#run(step));
  }

  #run(step: () => void): void {
    if (this.isDead) return;
    if (this.#isPaused) this.#waiting.push(step);
    else step();
  }
}
