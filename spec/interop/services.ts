import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { missingForDynamoDBLocal, startDynamoDBLocal, type DynamoDBService } from '../support/dynamodb-services.js';
import { startKinesisLocal, type KinesisService } from '../support/kinesis-services.js';
import { bundleProgram } from '../support/worker-process.js';
import { CACHE, missingPrograms, unbuiltLines } from './kcl-lines.js';
import { LOGS } from './kcl-worker.js';
import { sayWhatIsLeftOut } from './left-out.js';
import { RX_PROGRAM } from './rx-process.js';

/*
 * What all interop specs share: one Kinesis, one DynamoDB and the built workers. kinesis-local names the children of a shard in
 * GetRecords, as the service does; DynamoDB Local takes the index that KCL 3.x adds to its table. Mocha calls the two functions
 * in its main process, before and after the processes that run the specs: they find the services by the environment.
 */
let kinesis: KinesisService | undefined;
let dynamodb: DynamoDBService | undefined;

export async function mochaGlobalSetup(): Promise<void> {
  const missing = missingPrograms() ?? missingForDynamoDBLocal();
  if (missing !== undefined) throw new Error(`the interop specs cannot run: ${missing}`);
  if (unbuiltLines().length > 0) throw new Error('the interop specs cannot run: first `npm run build:kcl`');
  sayWhatIsLeftOut();
  rmSync(LOGS, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  await bundleProgram(fileURLToPath(new URL('rx-worker.ts', import.meta.url)), RX_PROGRAM);
  [kinesis, dynamodb] = await Promise.all([startKinesisLocal(), startDynamoDBLocal()]);
  process.env.INTEROP_KINESIS = kinesis.endpoint;
  process.env.INTEROP_DYNAMODB = dynamodb.endpoint;
}

export async function mochaGlobalTeardown(): Promise<void> {
  await kinesis?.stop();
  await dynamodb?.stop();
  sayWhatIsLeftOut();
}
