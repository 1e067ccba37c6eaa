import { missingForDynamoDBLocal, startDynamoDBLocal, type DynamoDBService } from '../support/dynamodb-services.js';
import { leaseTableContract } from '../support/lease-table-contract.js';

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
  });
} else {
  it(`DynamoDB Local: not run, ${missing}`, () => {
    console.warn(`spec/integration/dynamodb-local.spec.ts did not run: ${missing}`);
  });
}
