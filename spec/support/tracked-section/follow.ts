import { catchError, EMPTY, throwError } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { isShardReadError } from '../../../lib/kinesis/errors.js';
import { isCheckpointError } from '../../../lib/checkpoints/errors.js';
import { memoryCheckpoints } from '../../../lib/checkpoints/memoryCheckpoints.js';
import type { KinesisEvent } from '../../../lib/monitoring/events.js';
import type { FakeKinesis } from '../../../lib/testing/kinesis/fakeKinesis.js';
import { kinesisOf, recovers, type Course } from './course.js';
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
      mayRefuse,
      tell,
    });
    processes.push(process);
    const isExpected = (error: unknown): boolean => process.isStopping && mayFailAtStop(course, process.number, error);
    const subscription = process.run$
      .pipe(catchError((error: unknown) => (isExpected(error) ? EMPTY : throwError(() => error))))
      .subscribe({
        complete: () => {
          process.isOver = true;
          if (process.isStopping) begin();
        },
      });
    const leave = course.leaves[process.number];
    if (!leave) return;
    scheduler.schedule(() => {
      if (leave.how === 'stop' && !process.isOver) return process.stop();
      process.isDead = leave.how === 'crash';
      subscription.unsubscribe();
      if (process.isDead) process.loseAll();
      begin();
    }, leave.afterMs);
  };
  for (const { shard, atMs, backMs } of course.losses ?? []) {
    scheduler.schedule(() => {
      const process = processes.at(-1)!;
      if (process.lose(shard)) scheduler.schedule(() => process.regain(shard), backMs);
    }, atMs);
  }

  begin();
  flush();
  return { kinesis, seen };
}

/** A failure while it stops ends a process with an error, if nobody recovers from it; as does a store that is ahead of its last write. */
function mayFailAtStop(course: Course, process: number, error: unknown): boolean {
  // A late write of the process before may be ahead.
  if (isCheckpointError(error)) return course.leaves[process - 1]?.how === 'unsubscribe';
  return !recovers(course) && (isShardReadError(error) || error instanceof TypeError);
}
