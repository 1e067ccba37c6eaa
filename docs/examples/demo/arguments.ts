import { parseArgs } from 'node:util';
import type { FlightCount } from './flights.js';

/** What the command line asks for. */
export type DemoArguments = { readonly help: true } | { readonly help: false; readonly records: FlightCount };

export const USAGE = `Usage: npm run demo -- [options]

Streams real flights through rx-kinesis, with two workers that share the
shards, while workers are killed, shards are split and merged, reads fail, and
copies of stored blocks are deleted; then checks that every flight was
processed, once and in order, and that what was lost came back.

Options:
  --records 20000   the 20 000 flights by airport, in about half a minute
                    (default)
  --records all     the 200 000 flights, by distance as their file names no
                    airport, in a good minute
  --help, -h        this text

Exit code 0 when all is as it should be, 1 when not, 2 when the command line
is not understood. NO_COLOR=1 turns colours off.`;

/** @throws Error with a message for the user when `args` cannot be understood. */
export function parseArguments(args: readonly string[]): DemoArguments {
  const { values } = parseArgs({
    args: [...args],
    options: { records: { type: 'string', default: '20000' }, help: { type: 'boolean', short: 'h', default: false } },
    strict: true,
  });
  if (values.help) return { help: true };
  if (values.records !== '20000' && values.records !== 'all') {
    throw new Error(`--records: expected 20000 or all, got ${JSON.stringify(values.records)}`);
  }
  return { help: false, records: values.records };
}
