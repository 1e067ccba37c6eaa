import type { RunResult } from './meter.js';

/** A figure of some runs: the middle one, and the least and the greatest. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The figure of some numbers, one a run. */
export function figureOf(numbers: readonly number[]): Figure {
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}

/** What `a` took in each round, divided by what `b` took in the same round: what else the machine did then falls on both. */
export function ratioOf(a: readonly number[], b: readonly number[]): Figure {
  if (a.length !== b.length || a.length === 0) throw new Error(`a ratio of ${a.length} runs to ${b.length}`);
  return figureOf(a.map((value, round) => value / b[round]!));
}

/** A figure with its spread, as in a table. */
export function shown({ median: middle, min, max }: Figure, digits = 2): string {
  return `${middle.toFixed(digits)} (${min.toFixed(digits)}..${max.toFixed(digits)})`;
}

/** CPU a record, in µs. */
export function cpuMicros({ cpuMs, records }: RunResult): number {
  return (cpuMs * 1_000) / records;
}

/** Records a second of wall time. */
export function recordsPerSecond({ wallMs, records }: RunResult): number {
  return (records * 1_000) / wallMs;
}

/** A large number, in thousands. */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en');
}
