import { catchError, EMPTY, throwError } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { isRxKinesisError } from '../../../lib/values/errors.js';
import { isShardReadError } from '../../../lib/kinesis/errors.js';
import { memoryCheckpoints } from '../../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../../lib/monitoring/events.js';
import type { FakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { kinesisOf, recovers, type Course } from './course.js';
import { blocksOf } from './storage.js';
import { observations, type Observations } from './observations.js';

import { Process } from './process.js';

/** What came of a course. */
export interface Outcome {
  readonly kinesis: FakeKinesis;
  readonly seen: Observations;
}

/** Follows a course to its end: one process after the other, on one stream and one memory of checkpoints. */
export function follow(
  scheduler: TestScheduler,
  flush: () => void,
  course: Course,
  tell: (event: KinesisEvent) => void = () => undefined,
): Outcome {
  const kinesis = kinesisOf(course);
  const seen = observations();
  const checkpoints = memoryCheckpoints();
  const blocks = course.storage && blocksOf(course.storage);
  const processes: Process[] = [];
  let writes = 0;
  const mayRefuse = (process: Process): void => {
    if (process.isDead || course.refusals.includes(writes++)) throw new Error('refused');
  };

  const begin = (): void => {
    const process = new Process({
      course,
      kinesis,
      seen,
      number: processes.length,
      before: processes.at(-1),
      checkpoints,
      blocks,
      mayRefuse,
      tell,
    });
    if (processes.length > 0) blocks?.endProcess();
    processes.push(process);
    const isExpected = (error: unknown): boolean => mayFail(course, process, error);
    const subscription = process.run$
      .pipe(
        catchError((error: unknown) => {
          if (!isExpected(error)) return throwError(() => error);
          process.isFailed = true;
          return EMPTY;
        }),
      )
      .subscribe({
        complete: () => {
          process.isOver = true;
          if (process.isStopping || process.isFailed) begin();
        },
      });
    const leave = course.leaves[process.number];
    if (!leave) return;
    scheduler.schedule(() => {
      if (process !== processes.at(-1)) return;
      if (leave.how === 'stop' && !process.isOver) return process.stop();
      process.isDead = leave.how === 'crash';
      subscription.unsubscribe();
      if (process.isDead) {
        process.loseAll();
        blocks?.crash();
      }
      begin();
    }, leave.afterMs);
  };
  const regain = (process: Process, shard: number): void => {
    // A shard that is handed over is first worked off.
    if (process === processes.at(-1) && !process.regain(shard)) scheduler.schedule(() => regain(process, shard), 1);
  };
  for (const { shard, atMs, backMs, isAsked } of course.losses ?? []) {
    scheduler.schedule(() => {
      const process = processes.at(-1)!;
      if (isAsked ? process.handOver(shard) : process.lose(shard)) scheduler.schedule(() => regain(process, shard), backMs);
    }, atMs);
  }

  begin();
  flush();
  return { kinesis, seen };
}

/** Whether a process may end with an error: while it stops, if nobody recovers. */
function mayFail(course: Course, process: Process, error: unknown): boolean {
  const isExpected = course.storage ? isRxKinesisError(error) && error.retriable : isShardReadError(error);
  return process.isStopping && !recovers(course) && (isExpected || error instanceof TypeError);
}
