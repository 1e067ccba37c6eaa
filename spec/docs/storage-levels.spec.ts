import { expect } from 'chai';
import { STORAGE_LEVELS } from '../support/block-store-contract.js';
import { STORAGE_LEVEL_TABLE } from '../support/storage-level-table.js';
import { read } from './fences.js';

describe('docs/guide/storage-levels.md', () => {
  it('has the table that spec/integration/storage-levels.spec.ts does, cell by cell', () => {
    const lines = read('docs/guide/storage-levels.md').split('\n');
    const start = lines.findIndex((line) => line.startsWith('| fault |'));
    const rows = lines.slice(start, lines.indexOf('', start));
    const expected = Object.entries(STORAGE_LEVEL_TABLE).map(([fault, cells]) => `| ${[fault, ...Object.values(cells)].join(' | ')} |`);
    expect(rows).to.deep.equal([
      `| fault | ${STORAGE_LEVELS.map((level) => `\`${level}\``).join(' | ')} |`,
      `|${'---|'.repeat(STORAGE_LEVELS.length + 1)}`,
      ...expected,
    ]);
  });
});
