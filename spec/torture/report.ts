import Table from 'cli-table3';
import { faultKinds, services } from './schedule.js';
import type { Verdict } from './verdict.js';

const EDGES = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
] as const;
/** Faults are listed up to so many. */
const MOST_BROKEN = 30;

/** Columns and nothing else: logs are read as text. */
const PLAIN = {
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  chars: Object.fromEntries(EDGES.map((edge) => [edge, ''])),
};

/** What a run came to, for people. */
export function reportOf({ made, figures, silence, broken }: Verdict): string {
  const faults = new Table({ head: ['faults made', ...services], ...PLAIN });
  for (const kind of faultKinds) faults.push([kind, ...services.map((service) => made[service][kind] ?? 0)]);
  const counts = new Table(PLAIN);
  for (const [name, count] of Object.entries(figures)) counts.push([name, count]);
  const more = broken.length > MOST_BROKEN ? [`and ${broken.length - MOST_BROKEN} more`] : [];
  const longest = `that was ${silence.shardId}, until ${new Date(silence.until).toISOString()}`;
  return [faults.toString(), counts.toString(), longest, ...broken.slice(0, MOST_BROKEN).map((fault) => `BROKEN ${fault}`), ...more].join(
    '\n',
  );
}
