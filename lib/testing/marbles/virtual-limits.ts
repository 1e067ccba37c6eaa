import type { TestScheduler } from 'rxjs/testing';

/** How long a virtual-time test may run before it counts as endless. */
export interface VirtualLimits {
  readonly maxFrames: number;
  readonly maxActions: number;
}

/**
 * Makes a scheduler's flush fail when it runs too long, where RxJS would hang.
 *
 * @remarks
 * The scheduler's own `maxFrames` would stop silently, and it does not notice a loop without delay, which never leaves its frame. So this
 * counts each run of scheduled work; RxJS calls the same work function when an action reschedules itself, so those runs count too.
 */
export function limitVirtualTime(scheduler: TestScheduler, { maxFrames, maxActions }: VirtualLimits): void {
  let actions = 0;
  const check = (): void => {
    if (scheduler.frame > maxFrames) throw new Error(`marbles: virtual time has passed ${maxFrames} ms ${ADVICE}, or raise maxFrames`);
    if (++actions > maxActions)
      throw new Error(`marbles: ${maxActions} actions up to ${scheduler.frame} ms ${ADVICE}, or raise maxActions`);
  };
  const schedule = scheduler.schedule.bind(scheduler);
  scheduler.schedule = (work, delay, state) =>
    schedule(
      function (given) {
        check();
        work.call(this, given);
      },
      delay,
      state,
    );
}

const ADVICE = 'and work is still scheduled: end the source, or give expectObservable an unsubscription marble such as "^ 10s !"';
