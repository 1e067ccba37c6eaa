import Table from 'cli-table3';
import { faultKinds, services } from './schedule.js';
import type { Verdict } from './verdict.js';

/** Faults are listed up to so many. */
const MOST_BROKEN = 30;

/** What a run came to, for people. */
export function reportOf({ made, figures, broken }: Verdict): string {
  const faults = new Table({ head: ['faults made', ...services], style: { head: [], border: [] } });
  for (const kind of faultKinds) faults.push([kind, ...services.map((service) => made[service][kind] ?? 0)]);
  const counts = new Table({ style: { head: [], border: [] } });
  for (const [name, count] of Object.entries(figures)) counts.push([name, count]);
  const more = broken.length > MOST_BROKEN ? [`and ${broken.length - MOST_BROKEN} more`] : [];
  return [faults.toString(), counts.toString(), ...broken.slice(0, MOST_BROKEN).map((fault) => `BROKEN ${fault}`), ...more].join('\n');
}
