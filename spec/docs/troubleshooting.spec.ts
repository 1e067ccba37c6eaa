import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { read, ROOT } from './fences.js';

const PAGE = 'docs/guide/troubleshooting.md';

describe('the tables of docs/guide/troubleshooting.md', () => {
  const rows = read(PAGE)
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| what goes wrong'))
    .map((line) => line.split(' | '));

  it('have rows of five cells', () => {
    expect(rows.length).to.be.above(20);
    expect(rows.filter((cells) => cells.length !== 5)).to.deep.equal([]);
  });

  it('name for each row a spec that is there, by words of its title', () => {
    const unproved = rows.filter((cells) => {
      const [, title = '', file = ''] = /\[(.+)\]\(\.\.\/\.\.\/(spec\/.+(?:\.spec|-contract)\.ts)\)/.exec(cells.at(-1) ?? '') ?? [];
      return !title || !existsSync(join(ROOT, file)) || !read(file).includes(title);
    });
    expect(unproved.map(([what]) => what)).to.deep.equal([]);
  });
});
