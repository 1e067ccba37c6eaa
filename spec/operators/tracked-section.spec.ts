import fc from 'fast-check';
import { marbles } from '../../lib/testing/index.js';
import { check } from '../support/tracked-section/checks.js';
import { anyCourse } from '../support/tracked-section/course.js';
import { follow } from '../support/tracked-section/follow.js';

/** How many courses are followed: `.ci/run` asks for more. */
const runs = Number(process.env.TRACKED_SECTION_RUNS ?? 200);

describe('the tracked section, whatever happens', () => {
  it('loses nothing, keeps the order, repeats only what was in flight, and never writes past unfinished work', () => {
    fc.assert(
      fc.property(anyCourse, (course) => {
        marbles(({ scheduler, flush }) => check(course, follow(scheduler, flush, course)))();
      }),
      { numRuns: runs },
    );
  }).timeout(20_000 + runs * 100);
});
