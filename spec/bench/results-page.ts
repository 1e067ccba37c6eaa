import { cpus, loadavg, totalmem } from 'node:os';
import type { ResultTable, Section, SectionResult } from './section.js';

/** The machine, its load and the versions, without which a figure says nothing. */
export function conditions(command: string, rounds: number): string {
  const [{ model } = { model: 'unknown processor' }, ...others] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const load = loadavg()
    .map((each) => each.toFixed(1))
    .join(', ');
  const day = new Date().toISOString().slice(0, 10);
  return `${rounds} ${rounds === 1 ? 'round' : 'rounds'}: \`${command}\` on ${day}: Node ${process.version} on ${process.platform}, ${others.length + 1} cores (${model.trim()}), ${memory} GiB; load at the end ${load} (1, 5 and 15 minutes).`;
}

/** The page of a section in docs/benchmarks. */
export function pageOf({ title, about, file }: Section, { tables, plot, notes = [] }: SectionResult, where: string): string {
  return [
    `# ${title}`,
    `<!-- Written by npm run bench. -->`,
    about,
    `Medians, with the least and the greatest in brackets. ${where}`,
    ...(plot ? [`![${plot.title}](${file}.svg)`] : []),
    ...tables.flatMap((table) => [`## ${table.title}`, markdownOf(table)]),
    ...notes,
    '[All benchmarks](README.md)',
  ]
    .join('\n\n')
    .concat('\n');
}

function markdownOf({ head, rows }: ResultTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
