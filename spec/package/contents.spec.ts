import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { packed, type Packed } from '../support/packed.js';

describe('the packed files', () => {
  let pack: Packed;
  let files: string[];

  before(async function () {
    this.timeout(240_000);
    pack = await packed();
    const entries = await readdir(pack.directory, { recursive: true, withFileTypes: true });
    files = entries.filter((entry) => entry.isFile()).map((entry) => relative(pack.directory, join(entry.parentPath, entry.name)));
  });

  it('are both builds, the sources, the pages for users and the few texts that npm shows', () => {
    const places = new Set(
      files.map((file) => (/^(?:dist|docs)\//.test(file) ? file.split('/').slice(0, 2).join('/') : file.split('/')[0]!)),
    );
    expect([...places].sort()).to.deep.equal([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist/cjs',
      'dist/esm',
      'docs/guide',
      'docs/operators',
      'lib',
      'package.json',
    ]);
  });

  it('hold no specs, no emulators and no build state', () => {
    expect(files.filter((file) => /\.spec\.|(^|\/)(spec|coverage|node_modules)\/|\.tsbuildinfo$/.test(file))).to.deep.equal([]);
  });

  it('have the guides and the pages of operators to which the README and they lead', async () => {
    const pages = files.filter((file) => file.endsWith('.md'));
    for (const page of pages) {
      const links = [...(await readFile(join(pack.directory, page), 'utf8')).matchAll(/\]\((?!https?:)([^)#\s]+)/g)];
      const targets = links.map(([, link]) => join(dirname(page), link!)).filter((target) => /^docs\/(?:guide|operators)\//.test(target));
      expect(targets.filter((target) => !files.includes(target))).to.deep.equal([], page);
    }
    expect(pages).to.include('docs/guide/getting-started.md');
  });

  it('mark the CommonJS build, since the package itself is of ES modules', async () => {
    expect(JSON.parse(await readFile(join(pack.directory, 'dist/cjs/package.json'), 'utf8'))).to.deep.equal({ type: 'commonjs' });
  });

  it('have source maps and declaration maps that lead to shipped sources', async () => {
    const maps = files.filter((file) => file.endsWith('.map'));
    expect(maps).to.satisfy((all: string[]) => all.some((map) => map.endsWith('.js.map')) && all.some((map) => map.endsWith('.d.ts.map')));
    for (const map of maps) {
      const path = join(pack.directory, map);
      const { sources } = JSON.parse(await readFile(path, 'utf8')) as { sources: string[] };
      for (const source of sources) expect(existsSync(resolve(dirname(path), source)), `${map} names ${source}`).to.equal(true);
    }
  });

  it('declare nothing that is marked internal', async () => {
    for (const file of files.filter((name) => name.endsWith('.d.ts') && name.startsWith('dist/'))) {
      expect(await readFile(join(pack.directory, file), 'utf8'), file).not.to.match(/\*\s*@internal/);
    }
  });
});
