import { leaseTable } from '../../lib/dynamodb/index.js';
import { abortConsumers, consume, expectExactlyOnce } from '../support/consumer.js';
import { missingForDynamoDBLocal, startDynamoDBLocal, type DynamoDBService } from '../support/dynamodb-services.js';
import { startKinesalite, type KinesisService } from '../support/kinesis-services.js';
import { leaseTableContract } from '../support/lease-table-contract.js';
import { TestStream } from '../support/test-stream.js';

const missing = missingForDynamoDBLocal();

if (missing === undefined) {
  describe('leaseTable against DynamoDB Local', function () {
    let service: DynamoDBService;
    // A Java machine starts.
    before(async function () {
      this.timeout(60_000);
      service = await startDynamoDBLocal();
    });
    after(() => service.stop());

    leaseTableContract(() => service);

    describe('with a stream', () => {
      let kinesis: KinesisService;
      before(async () => (kinesis = await startKinesalite()));
      after(() => kinesis.stop());
      afterEach(abortConsumers);

      it('is exact through a split and a restart', async function () {
        this.timeout(30_000);
        const stream = await TestStream.create(kinesis);
        const client = service.client();
        const start = () =>
          consume({ client: kinesis.client(), streamName: stream.name, store: leaseTable({ client, tableName: stream.name }) });
        await stream.put(500);
        const first = start();
        await stream.split('shardId-000000000000');
        await first.hasDone(stream);
        await first.stop();
        const second = start();
        await stream.put(500);
        await second.hasDone(500);
        await second.stop();
        await expectExactlyOnce([...first.records, ...second.records], stream);
      });
    });
  });
} else {
  it(`DynamoDB Local: not run, ${missing}`, () => {
    console.warn(`spec/integration/dynamodb-local.spec.ts did not run: ${missing}`);
  });
}
