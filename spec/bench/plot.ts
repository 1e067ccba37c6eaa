import type { Plot } from './section.js';

const WIDTH = 860;
const LABELS = 330;
const VALUES = 80;
const BAR = 18;
const GAP = 6;
const GROUP_HEAD = 34;

/** A plot of horizontal bars as SVG, which is legible on light and on dark pages. */
export function svgOf({ title, unit, groups }: Plot): string {
  const parts: string[] = [];
  let y = 30;
  for (const { name, bars } of groups) {
    parts.push(text(8, y + 20, name, 'font-weight="bold"'));
    y += GROUP_HEAD;
    const most = Math.max(...bars.map(({ value }) => value));
    for (const [i, { name: bar, value }] of bars.entries()) {
      const width = Math.max(1, ((WIDTH - LABELS - VALUES) * value) / most);
      parts.push(text(LABELS - 8, y + 13, bar, 'text-anchor="end"'));
      parts.push(`<rect x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${i === 0 ? '#8a8f98' : '#b7178c'}"/>`);
      parts.push(text(LABELS + width + 6, y + 13, `${value.toFixed(2)} ${unit}`));
      y += BAR + GAP;
    }
  }
  const height = y + 10;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    text(8, 20, title, 'font-size="15"'),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped}</text>`;
}
