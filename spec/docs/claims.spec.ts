import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): Promise<string> => readFile(resolve(root, path), 'utf8');

interface Manifest {
  readonly engines: { readonly node: string };
  readonly peerDependencies: Readonly<Record<string, string>>;
}

describe('what the pages say of versions is what package.json says', () => {
  let manifest: Manifest;

  before(async () => void (manifest = JSON.parse(await read('package.json')) as Manifest));

  for (const page of ['README.md', 'docs/guide/getting-started.md', 'docs/CONTRIBUTING.md']) {
    it(`Node in ${page}`, async () => {
      const said = (await read(page)).match(/Node [\^>=\d][^,;\n]*?(?=[,;]|\.(?:\s|$))/gm) ?? [];
      expect(said).to.deep.equal([`Node ${manifest.engines.node.replace(' || ', ' or ')}`]);
    });
  }

  it('the peers in README.md', async () => {
    const readme = await read('README.md');
    for (const peer of ['rxjs', '@aws-sdk/client-kinesis']) expect(readme).to.include(`\`${peer}\` ${manifest.peerDependencies[peer]}`);
  });
});
