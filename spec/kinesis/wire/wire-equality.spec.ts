import { expect } from 'chai';
import fc from 'fast-check';
import { firstValueFrom } from 'rxjs';
import { sdkPort } from '../../../lib/kinesis/sdk-port.js';
import type { WirePage } from '../../../lib/kinesis/wire/wire-page.js';
import { answeringClient, CBOR, JSON_TYPE, type Answer, type SentRequest } from '../../support/answering-client.js';
import { defined } from '../../support/defined.js';
import { installedSdks, tellMissingSdks } from '../../support/kinesis-sdks.js';
import { anyPage, anyStyle, chunksOf, cborPageOf, jsonPageOf } from '../../support/wire-pages.js';

/** Pages for the newest version of the SDK, and for each older one. */
const [NEWEST_PAGES, OLDER_PAGES] = [2_000, 500];

for (const { version, sdk } of installedSdks) {
  const pages = sdk === installedSdks.at(-1)!.sdk ? NEWEST_PAGES : OLDER_PAGES;
  describe(`a page decoded here is the page of the SDK ${version}`, function () {
    this.timeout(60_000);

    it(`for ${pages} random pages, in CBOR and in JSON, however they are written and cut`, async () => {
      let answer: (request: SentRequest) => Answer;
      const { client, sent } = answeringClient(sdk, (request) => answer(request));
      const notify = (): void => expect.fail('no event is expected');
      const cbor = sdkPort(client, { wire: 'cbor', payloads: 'slabs', notify }, sdk);
      const json = sdkPort(client, { wire: 'json', payloads: 'slabs', notify }, sdk);
      const request = { ShardIterator: 'iterator' };

      const isSame = async (page: WirePage, style: Parameters<typeof cborPageOf>[1], cuts: readonly number[]): Promise<void> => {
        const [inCbor, inJson] = [cborPageOf(page, style), new TextEncoder().encode(jsonPageOf(page))];
        answer = ({ format }) =>
          format === 'cbor' ? { type: CBOR, chunks: chunksOf(inCbor, cuts) } : { type: JSON_TYPE, chunks: chunksOf(inJson, cuts) };
        const own = defined(withoutMetadata(await client.send(new sdk.GetRecordsCommand(request))));
        expect(defined(withoutMetadata(await firstValueFrom(cbor.getRecords(request))))).to.deep.equal(own);
        expect(defined(withoutMetadata(await firstValueFrom(json.getRecords(request))))).to.deep.equal(own);
        expect(sent.slice(-3).map(({ format }) => format)).to.deep.equal(['json', 'cbor', 'json']);
      };
      const cuts = fc.array(fc.nat(200_000), { maxLength: 5 });
      await fc.assert(fc.asyncProperty(anyPage, anyStyle, cuts, isSame), { numRuns: pages });
    });
  });
}

tellMissingSdks('spec/kinesis/wire/wire-equality.spec.ts');

function withoutMetadata<T extends object>(output: T): Omit<T, '$metadata'> {
  const { $metadata, ...rest } = output as T & { readonly $metadata: unknown };
  expect($metadata).to.have.property('httpStatusCode', 200);
  return rest;
}
