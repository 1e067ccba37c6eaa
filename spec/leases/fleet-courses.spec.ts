import fc from 'fast-check';
import { marbles } from '../../lib/testing/marbles/marbles.js';
import { checkFleet } from '../support/fleet/checks.js';
import { anyFleetCourse } from '../support/fleet/course.js';
import { followFleet } from '../support/fleet/follow.js';

/** How many courses are followed: `.ci/run` asks for more. */
const runs = Number(process.env.FLEET_RUNS ?? 15);

describe('a fleet, whatever happens to its workers', () => {
  it('loses nothing, keeps parents before children and each shard in order, and lets only the holder of a lease write', () => {
    fc.assert(
      fc.property(anyFleetCourse, (course) => {
        marbles(({ scheduler, flush }) => checkFleet(course, followFleet(scheduler, flush, course)))();
      }),
      { numRuns: runs },
    );
  }).timeout(30_000 + runs * 2_200);
});
