import Table from 'cli-table3';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exec } from '../support/exec.js';
import { brokenBudgets, type Budgets } from './budgets.js';
import { svgOf } from './plot.js';
import { conditions, pageOf } from './results-page.js';
import { SECTIONS } from './sections.js';
import type { Section, SectionResult } from './section.js';

const HELP = `Usage: npm run bench -- [options]

Builds the package, measures it in sections, prints tables, and writes each section's page and plot to docs/benchmarks. Ends with
code 1 when the median of a ratio is above its budget in spec/bench/budgets.json. About three quarters of an hour, or
a quarter with --rounds 1.

${SECTIONS.map(({ key, title, rounds }) => `  ${key}  ${title} (rounds: ${rounds})`).join('\n')}

  --only LIST   these sections, such as a,d
  --rounds N    how often each subject runs, in turns with the others (default: as above)
  --long        ten million records where a section would take one
  --quick       1 round of little work, without budgets and pages: shows that it works, its figures mean nothing
  --help        this text`;

const ROOT = resolve(import.meta.dirname, '../..');
const PAGES = join(ROOT, 'docs', 'benchmarks');

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    long: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) console.log(HELP);
else await bench();

async function bench(): Promise<void> {
  const { quick, long } = options;
  const sections = chosen();
  const asked = roundsAsked();
  const budgets = JSON.parse(await readFile(join(import.meta.dirname, 'budgets.json'), 'utf8')) as Budgets;
  say('building');
  await exec('npm', ['run', 'build'], ROOT);
  await mkdir(PAGES, { recursive: true });
  const broken: string[] = [];
  for (const section of sections) {
    say(`${section.key}: ${section.title}`);
    const rounds = asked ?? (quick ? 1 : section.rounds);
    const result = await section.run({ quick, long, rounds, say: (line) => say(`  ${line}`) });
    print(section, result);
    if (quick) continue;
    await write(section, result, rounds);
    broken.push(...brokenBudgets(budgets[section.key] ?? {}, result.ratios).map((sentence) => `${section.key}: ${sentence}`));
  }
  if (broken.length === 0) return;
  console.error(`\nBudgets are broken (spec/bench/budgets.json):\n${broken.map((sentence) => `  ${sentence}`).join('\n')}`);
  process.exitCode = 1;
}

function chosen(): readonly Section[] {
  if (options.only === undefined) return SECTIONS;
  return options.only.split(',').map((key) => {
    const section = SECTIONS.find((each) => each.key === key);
    if (!section) throw new Error(`--only: expected some of ${SECTIONS.map((each) => each.key).join()}, got ${key}`);
    return section;
  });
}

function roundsAsked(): number | undefined {
  if (options.rounds === undefined) return undefined;
  const rounds = Number(options.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error(`--rounds: expected a whole number from 1 up, got ${options.rounds}`);
  return rounds;
}

/** Progress goes where the tables do not. */
function say(line: string): void {
  console.error(line);
}

function print({ title }: Section, { tables, notes = [] }: SectionResult): void {
  console.log(`\n${title}`);
  for (const { title: name, head, rows } of tables) {
    const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
    table.push(...rows.map((row) => [...row]));
    console.log(`\n${name}\n${table.toString()}`);
  }
  for (const note of notes) console.log(note);
}

async function write(section: Section, result: SectionResult, rounds: number): Promise<void> {
  const command = [
    'npm run bench --',
    `--only ${section.key}`,
    ...(options.long ? ['--long'] : []),
    ...(options.rounds ? [`--rounds ${options.rounds}`] : []),
  ];
  await writeFile(join(PAGES, `${section.file}.md`), pageOf(section, result, conditions(command.join(' '), rounds)));
  if (result.plot) await writeFile(join(PAGES, `${section.file}.svg`), svgOf(result.plot));
}
