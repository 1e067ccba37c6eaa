import { styleText } from 'node:util';
import Table from 'cli-table3';

/** The first is the heading. */
export type Rows = readonly (readonly string[])[];

/** Draws rows with a frame; the first row is the heading, and columns of numbers are set to the right. */
export function drawTable([heading = [], ...rows]: Rows): string {
  const isNumeric = heading.map((_, column) => rows.every((row) => /^[-\d. ]*( s)?$/.test(row[column] ?? '')));
  const table = new Table({
    head: [...heading],
    colAligns: isNumeric.map((numeric) => (numeric ? 'right' : 'left')),
    style: { head: hasColour() ? ['bold'] : [], border: hasColour() ? ['grey'] : [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

/** On a terminal, unless NO_COLOR says otherwise (https://no-color.org). */
function hasColour(): boolean {
  return process.stdout.isTTY && !process.env.NO_COLOR;
}

export function coloured(colour: 'green' | 'red', text: string): string {
  return hasColour() ? styleText(colour, text) : text;
}
