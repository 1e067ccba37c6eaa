import { InvalidConfigError } from '../values/errors.js';
import type { SequenceNumberRanges } from '../values/sequence-range.js';
import { entriesOf } from './tracked-block.js';

/**
 * Refuses a block that `checkpointEvery` has settled already: a checkpoint may be past it, so it would be lost if the work behind failed. One that
 * `storeBlocks` has stored and `releaseBlocks` has not released is named by the checkpoints, and comes again.
 *
 * @throws InvalidConfigError
 */
export function assertUnsettled(operator: string, ranges: SequenceNumberRanges, advice: string): void {
  const isSettled = entriesOf(ranges).some(({ shard, entry }) => entry.state === 'settled' && !shard.unreleased.has(entry.key));
  if (isSettled)
    throw new InvalidConfigError(
      `${operator}: expected a block that is not settled yet, got one that has passed checkpointEvery: ${advice}`,
    );
}
