import fc from 'fast-check';
import { marbles } from '../../lib/testing/index.js';
import { check } from '../support/tracked-section/checks.js';
import { anyCourse, anyStoredCourse, type Course } from '../support/tracked-section/course.js';
import { follow } from '../support/tracked-section/follow.js';

/** How many courses of each kind are followed: `.ci/run` asks for more. */
const runs = Number(process.env.TRACKED_SECTION_RUNS ?? 200);

describe('the tracked section, whatever happens', () => {
  const follows = (title: string, courses: fc.Arbitrary<Course>) =>
    it(title, () => {
      fc.assert(
        fc.property(courses, (course) => {
          marbles(({ scheduler, flush }) => check(course, follow(scheduler, flush, course)))();
        }),
        { numRuns: runs },
      );
    }).timeout(20_000 + runs * 100);

  follows('loses nothing, keeps the order, repeats only what was in flight, and never writes past unfinished work', anyCourse);
  follows('does so with blocks that wait in a store for their work: a checkpoint names those that it passes', anyStoredCourse);
});
