import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { pages, read, ROOT } from './fences.js';

describe('the links on the pages', () => {
  for (const page of pages()) {
    it(`lead somewhere: ${page}`, () => {
      const lost = linksOf(page).filter((link) => !leadsSomewhere(page, link));
      expect(lost).to.deep.equal([]);
    });
  }

  it('lead from the README to every page', () => {
    const reached = new Set<string>();
    const follow = (page: string): void => {
      if (reached.has(page)) return;
      reached.add(page);
      for (const link of linksOf(page)) {
        const target = join(dirname(page), link.split('#')[0]!);
        if (target.endsWith('.md') && !target.startsWith('docs/api/') && existsSync(join(ROOT, target))) follow(target);
      }
    };
    follow('README.md');
    expect(pages().filter((page) => !reached.has(page))).to.deep.equal([]);
  });
});

/** Links within the checkout, without what stands in code. */
function linksOf(page: string): string[] {
  const text = read(page)
    .replace(/^```[^]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, 'code');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!).filter((target) => !/^https?:/.test(target));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (target.startsWith('docs/api/')) return true;
  if (!existsSync(join(ROOT, target))) return false;
  return heading === undefined || headingsOf(target).includes(heading);
}

/** The anchors that GitHub gives the headings of a page. */
function headingsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replace(/ /g, '-'),
  );
}
