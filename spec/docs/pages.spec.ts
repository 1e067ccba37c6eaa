import { expect } from 'chai';
import * as root from 'rx-kinesis';
import * as dynamodb from 'rx-kinesis/dynamodb';
import * as level from 'rx-kinesis/level';
import * as opentelemetry from 'rx-kinesis/opentelemetry';
import * as s3 from 'rx-kinesis/s3';
import * as testing from 'rx-kinesis/testing';
import { fencesOf, filesUnder, read } from './fences.js';

/** Every page of an operator or a source has these, in this order. */
const SECTIONS = ['When to use it', 'Marble diagram', 'Config', 'Errors', 'Order, loss, buffering', 'Cancellation', 'Example', 'See also'];
/** Pages of many small exports, and the list of all pages. */
const COLLECTIONS = ['README', 'errors', 'testing', 'values'].map((name) => `docs/operators/${name}.md`);

describe('the pages of docs/operators', () => {
  const pages = filesUnder('docs/operators', '.md');
  const single = pages.filter((page) => !COLLECTIONS.includes(page));

  for (const page of single) {
    it(`have the same order: ${page}`, () => {
      const [title, ...sections] = [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
      expect(page).to.equal(`docs/operators/${title}.md`);
      expect(sections).to.deep.equal(SECTIONS);
    });

    it(`have a signature, a marble diagram and an example: ${page}`, () => {
      const infos = fencesOf(page).map(({ info }) => info);
      expect(infos).to.include('ts signature').and.include('marbles');
      expect(infos.filter((info) => info === 'ts' || info === 'ts run')).to.not.be.empty;
    });
  }

  it('tell of every exported function and class', () => {
    const exports = { ...root, ...dynamodb, ...level, ...opentelemetry, ...s3, ...testing };
    const functions = Object.entries(exports).filter(([, value]) => typeof value === 'function');
    const text = COLLECTIONS.slice(1).map(read).join('\n');
    const untold = functions
      .map(([name]) => name)
      .filter((name) => !single.includes(`docs/operators/${name}.md`) && !text.includes(`\`${name}`));
    expect(untold).to.deep.equal([]);
  });

  it('name no field that the code does not have', () => {
    const code = filesUnder('lib', '.ts').map(read).join('\n');
    const fields = single.flatMap((page) =>
      tableOf(page, 'Config').flatMap(([names = '']) => fieldsIn(names).map((name) => ({ page, name }))),
    );
    const unknown = fields.filter(({ name }) => !new RegExp(`\\b${name}\\??:`).test(code));
    expect(unknown).to.deep.equal([]);
  });

  it('give fields the defaults of the code', () => {
    const code = filesUnder('lib', '.ts').map(read).join('\n');
    const defaults = [...code.matchAll(/@defaultValue ([\d_.]+)[^]{0,40}?\n\s+readonly (\w+)\?/g)];
    const numberOf = (text: string): string => text.replace(/[_ ]/g, '');
    const rows = single.flatMap((page) =>
      tableOf(page, 'Config').map(([names = '', , value = '']) => ({ page, names: fieldsIn(names), value })),
    );
    const wrong = rows.filter(({ names, value }) => {
      const known = defaults.filter(([, , field]) => names.includes(field!)).map(([, number]) => numberOf(number!));
      return /^\d/.test(value) && known.length > 0 && !known.includes(numberOf(value));
    });
    expect(defaults.length).to.be.above(10);
    expect(wrong).to.deep.equal([]);
  });

  it('give errors the codes and the retriability of the code', () => {
    const rows = single.flatMap((page) => tableOf(page, 'Errors').map((row) => ({ page, row })));
    const wrong = rows.filter(({ row: [name = '', code = '', retriable = ''] }) => {
      const source = classOf(name.replaceAll('`', ''));
      if (!source) return true;
      const known = /readonly retriable = (true|false)/.exec(source)?.[1];
      const words: Record<string, string> = { true: 'yes', false: 'no' };
      return !source.includes(`'${code.replaceAll('`', '')}'`) || (known !== undefined && !retriable.startsWith(words[known]!));
    });
    expect(wrong.map(({ page, row }) => `${page}: ${row.join(' | ')}`)).to.deep.equal([]);
  });
});

/** The cells of the table in a section, without its head. */
function tableOf(page: string, section: string): string[][] {
  const text = read(page).split(`## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The names in a cell such as `` `streamName` or `retry.maxRetries` ``, each without what it is a field of. */
function fieldsIn(cell: string): string[] {
  return [...cell.matchAll(/`(?:\w+\.)?(\w+)`/g)].map(([, name]) => name!);
}

function classOf(name: string): string | undefined {
  const files = filesUnder('lib', 'rrors.ts').map(read).join('\n');
  return files.split('export class ').find((part) => part.startsWith(`${name} `));
}
