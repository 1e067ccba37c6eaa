import { expect } from 'chai';
import { lastValueFrom, map, of, toArray, VirtualTimeScheduler, type Observable } from 'rxjs';
import type { KinesisPort } from '../../lib/kinesis/port.js';
import { wireRecord } from '../../lib/kinesis/wire/wire-page.js';
import { polling } from '../../lib/readers/polling.js';
import type { Reader } from '../../lib/readers/reader.js';
import { kinesisShard } from '../../lib/sources/kinesisShard.js';
import { toShardId } from '../../lib/testing/shard-name.js';
import type { KinesisRecord } from '../../lib/values/record.js';

const time = 1_700_000_000_000;
const shard = {
  ShardId: toShardId(0),
  HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' },
  SequenceNumberRange: { StartingSequenceNumber: '1', EndingSequenceNumber: '9' },
};
/** A closed shard of one page, as it is decoded from the wire. */
const wirePort: KinesisPort = {
  listShards: () => of({ Shards: [shard] }),
  getShardIterator: () => of('iterator'),
  getRecords: () =>
    of({
      Records: [
        wireRecord('7', 'a', Uint8Array.of(1), time, undefined),
        // Also without a time, which some emulators leave out, and with what the service says of its encryption.
        wireRecord('8', 'b', Uint8Array.of(2), undefined, 'KMS'),
      ],
      MillisBehindLatest: 0,
    }),
};
const expected = [
  { sequenceNumber: '7', subSequenceNumber: 0, partitionKey: 'a', data: Uint8Array.of(1), approximateArrivalTimestamp: new Date(time) },
  { sequenceNumber: '8', subSequenceNumber: 0, partitionKey: 'b', data: Uint8Array.of(2) },
].map((fields) => ({ streamName: 'flights', shardId: toShardId(0), ...fields }));

describe('records of the wire', () => {
  it('come out of a shard with all their fields as own properties', async () => {
    expect((await recordsOf(polling())).map((record) => ({ ...record }))).to.deep.equal(expected);
  });

  it('have them as own properties for a reader that a user makes of ours, who may copy them', async () => {
    const copying: Reader = (context, start, credit) =>
      polling()(context, start, credit).pipe(map((page) => ({ ...page, records: page.records.map((fields) => ({ ...fields })) })));
    expect((await recordsOf(copying)).map((record) => ({ ...record }))).to.deep.equal(expected);
  });
});

function recordsOf(reader: Reader): Promise<KinesisRecord[]> {
  const scheduler = new VirtualTimeScheduler();
  const records$: Observable<KinesisRecord> = kinesisShard({
    client: wirePort,
    streamName: 'flights',
    shardId: toShardId(0),
    startFrom: 'TRIM_HORIZON',
    reader,
    scheduler,
    events: 'silent',
  });
  const records = lastValueFrom(records$.pipe(toArray()));
  scheduler.flush();
  return records;
}
