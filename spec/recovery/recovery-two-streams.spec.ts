import { expect } from 'chai';
import { of } from 'rxjs';
import { Recovery } from '../../lib/recovery/recovery.js';
import type { Reread } from '../../lib/readers/reread.js';
import { LostWork } from '../../lib/recovery/lost-work.js';
import { openBlock } from '../../lib/tracking/tracked-block.js';
import { handFedShard } from '../support/hand-fed-shard.js';

describe('Recovery of a block of two streams whose shards have the same id', () => {
  it('reads each part from its own stream', () => {
    const asked: string[] = [];
    const rereadOf =
      (name: string): Reread =>
      (ranges) => {
        asked.push(
          `${name} ${ranges.map(({ streamName, fromSeqNumber, toSeqNumber }) => `${streamName} ${fromSeqNumber}..${toSeqNumber}`).join()}`,
        );
        return of([]);
      };
    const identity = { streamName: 'other', shardId: 'shardId-000000000000', parentShardIds: [] };
    const [a, b] = [handFedShard({ reread: rereadOf('a') }), handFedShard({ reread: rereadOf('b'), identity })];
    const mixed = openBlock([...a.deliver(1, 2), ...b.deliver(7)]);
    const lost = new LostWork();
    lost.noteLost(mixed.ranges);
    const recovery = new Recovery(lost, { retryTimeoutMs: 10_000 });
    recovery.begin('failed');
    recovery.emitLost().subscribe();

    expect(asked).to.deep.equal(['a stream 1..2', 'b other 7..7']);
  });
});
