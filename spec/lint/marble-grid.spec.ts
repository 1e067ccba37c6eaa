import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { read, ROOT } from '../docs/fences.js';

/** Behind its happy path, whose title is its own, the grid of each has these rows in this order. */
const ROWS = {
  operators: [
    'never ends when its source never ends',
    'completes at once when its source is empty',
    'errors when its source errors',
    'unsubscribes its source when it is unsubscribed',
    'takes a synchronous source, and stops it when unsubscribed',
    'sends to error what its callback throws',
    'serves two subscribers independently',
    'starts anew when it is subscribed again',
    'takes 50 000 values synchronously without overflowing the stack',
  ],
  sources: [
    'calls nothing before it is subscribed',
    'errors when the service errors',
    'emits nothing of what is empty',
    'aborts the request under way when it is unsubscribed',
    'takes a service that answers synchronously, and stops when unsubscribed',
    'serves two subscribers independently',
    'starts anew when it is subscribed again',
  ],
} as const;

/** Readers have the rows of sources. The grids of the sources are those of `polling` too. */
const READERS_WITH_GRID = ['fanOut'];

/** The rows that a grid has, in its order: as a spec, or as a comment that says why it is left out. */
function rowsIn(text: string, rows: readonly string[]): string[] {
  const titles = text.matchAll(/^ *(?:it\()?['`](.+?)(?:',|: \$)|^ *\/\/ Left out: '(.+?)': \S/gm);
  return [...titles].map(([, spec, leftOut]) => spec ?? leftOut!).filter((title) => rows.includes(title));
}

describe('the marble grids', () => {
  for (const [folder, rows] of Object.entries({ ...ROWS, readers: ROWS.sources })) {
    // A file whose name has a hyphen exports no operator or source.
    const files = readdirSync(join(ROOT, 'lib', folder)).filter((file) => !file.includes('-'));
    const names = files.map((file) => file.replace('.ts', ''));
    for (const name of folder === 'readers' ? names.filter((each) => READERS_WITH_GRID.includes(each)) : names) {
      it(`have the same rows for ${name} as for the other ${folder}`, () => {
        const file = `spec/${folder}/${name}-grid.spec.ts`;
        expect(existsSync(join(ROOT, file)), file).to.equal(true);
        expect(rowsIn(read(file), rows)).to.deep.equal(rows);
      });
    }
  }
});
