import type { RunResult, Subject } from './run.js';

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** CPU a record in µs: the medians are taken of this. */
export function cpuMicros({ cpuMs, records }: RunResult): number {
  return (cpuMs * 1_000) / records;
}

/** Records a second of wall time. */
export function recordsPerSecond({ wallMs, records }: RunResult): number {
  return (records * 1_000) / wallMs;
}

/** A line of the table. */
export function line(name: string, results: readonly RunResult[]): string {
  const cpu = results.map(cpuMicros);
  const rate = Math.round(median(results.map(recordsPerSecond)));
  const spread = `${Math.min(...cpu).toFixed(2)}..${Math.max(...cpu).toFixed(2)}`;
  return `${name.padEnd(44)}${rate.toLocaleString('en').padStart(12)}${median(cpu).toFixed(2).padStart(14)}${spread.padStart(18)}`;
}

/** The head of the table. */
export function head(): string {
  return `${''.padEnd(44)}${'records/s'.padStart(12)}${'CPU µs/record'.padStart(14)}${'spread'.padStart(18)}`;
}

/** How the medians of two subjects compare in one figure. */
export function ratio(figure: (result: RunResult) => number, a: readonly RunResult[], b: readonly RunResult[]): string {
  return (median(a.map(figure)) / median(b.map(figure))).toFixed(2);
}

/** How the subjects are called in the table. */
export const NAMES: Readonly<Record<Subject, string>> = {
  loop: 'A  client.send(GetRecordsCommand) in a loop',
  pipeline: 'B  the README pipeline',
  'pipeline-more-credit': 'B+ the same, maxInFlightRecords 1 000 000',
  rxjs: '   plain RxJS, pages in memory',
  operators: '   the README pipeline, pages in memory',
};
