import { expect } from 'chai';
import { cp, mkdir, mkdtemp, realpath, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CreateStreamCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { until } from '../support/until.js';
import { node } from '../support/exec.js';
import { installedSdks, tellMissingSdks } from '../support/kinesis-sdks.js';
import { kinesisKinds, type KinesisService } from '../support/kinesis-services.js';
import { packed, type Packed } from '../support/packed.js';

const require = createRequire(import.meta.url);
const NEWEST = installedSdks.at(-1)!.version;
/** The ends of the range that the package allows, as far as they are installed. */
const ends = installedSdks.filter(({ version }, i) => i === 0 || version === NEWEST);

describe('the package, as it is installed beside an AWS SDK', function () {
  this.timeout(240_000);
  let pack: Packed;

  before(async () => void (pack = await packed()));

  for (const kind of kinesisKinds) {
    describe(`of ${kind.name}`, () => {
      let kinesis: KinesisService;

      before(async () => {
        kinesis = await kind.start();
        const client = kinesis.client();
        await client.send(new CreateStreamCommand({ StreamName: 'flights', ShardCount: 2 }));
        const Records = Array.from({ length: 20 }, (_, i) => ({ PartitionKey: String(i), Data: new TextEncoder().encode(`record ${i}`) }));
        await until('the stream is there', () =>
          client.send(new PutRecordsCommand({ StreamName: 'flights', Records })).then(
            ({ FailedRecordCount }) => FailedRecordCount === 0,
            () => false,
          ),
        );
      });
      after(() => kinesis.stop());

      for (const { version } of ends) {
        it(`${version} reads a stream of ${kind.name}`, async () => {
          expect(await read(await projectWith(version, pack), `streamName: 'flights'`, kinesis)).to.equal(20);
        });
        // kinesalite knows no ARNs.
        if (kind.name === 'kinesalite') continue;
        it(`${version} reads a stream of ${kind.name} by its ARN`, async () => {
          const arn = `streamARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/flights'`;
          expect(await read(await projectWith(version, pack), arn, kinesis)).to.equal(20);
        });
      }
    });
  }

  tellMissingSdks('spec/integration/oldest-sdk.spec.ts');
});

/** A project that has the package, and this version of the SDK as its peer. */
async function projectWith(version: string, { project, directory }: Packed): Promise<string> {
  const folder = await mkdtemp(join(project, `sdk-${version}-`));
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@aws-sdk'), { recursive: true });
  // A copy: by its real path a link would find the peers of the project that it leads to.
  await cp(directory, join(modules, 'rx-kinesis'), { recursive: true });
  const sdk = version === NEWEST ? '@aws-sdk/client-kinesis' : `kinesis-sdk-${version}`;
  await symlink(await realpath(folderOf(sdk)), join(modules, '@aws-sdk', 'client-kinesis'), 'dir');
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  return folder;
}

function folderOf(name: string): string {
  return require.resolve(`${name}/package.json`).slice(0, -'/package.json'.length);
}

/** How many records a process in that project reads. */
async function read(project: string, stream: string, { endpoint }: KinesisService): Promise<number> {
  const handler = require.resolve('@smithy/node-http-handler');
  const script = `
    import { createRequire } from 'node:module';
    import { KinesisClient } from '@aws-sdk/client-kinesis';
    import { lastValueFrom, take, toArray } from 'rxjs';
    import { kinesisStream, mergeShards, readBudget } from 'rx-kinesis';
    const { NodeHttpHandler } = createRequire(import.meta.url)(${JSON.stringify(handler)});
    const client = new KinesisClient({
      endpoint: ${JSON.stringify(endpoint)}, region: 'us-east-1', requestHandler: new NodeHttpHandler(),
      credentials: { accessKeyId: '123456789012', secretAccessKey: 'local' },
    });
    const records$ = kinesisStream({ client, ${stream}, startFrom: 'TRIM_HORIZON', budget: readBudget({ readsPerSecond: Infinity }) }).pipe(mergeShards((shard) => shard));
    const texts = (await lastValueFrom(records$.pipe(take(20), toArray()))).map(({ data }) => new TextDecoder().decode(data));
    console.log(new Set(texts.filter((text) => /^record \\d+$/.test(text))).size);
    client.destroy();`;
  return Number(await node(['--input-type=module', '-e', script], project));
}
