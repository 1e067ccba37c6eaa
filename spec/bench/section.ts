import type { Figure } from './figures.js';

/** How the sections of the benchmark are run. */
export interface SectionOptions {
  /** For its correctness only: one round of little work, whose figures mean nothing. */
  readonly quick: boolean;
  /** How often each subject runs, in turns with the others. */
  readonly rounds: number;
  /** Ten million records where a section would otherwise take one, which takes minutes. */
  readonly long: boolean;
  /** Tells what is being done, in a line. */
  readonly say: (line: string) => void;
}

/** A table, as it is printed and written. */
export interface ResultTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Bars, in groups that each have a scale of their own. */
export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly groups: readonly { readonly name: string; readonly bars: readonly { readonly name: string; readonly value: number }[] }[];
}

/** What a section has found. */
export interface SectionResult {
  readonly tables: readonly ResultTable[];
  readonly plot?: Plot;
  /** What stands below the tables, such as why a row has no figure. */
  readonly notes?: readonly string[];
  /** The ratios that `budgets.json` limits, by their names there. */
  readonly ratios: Readonly<Record<string, Figure>>;
}

/** One part of the benchmark. */
export interface Section {
  /** What `--only` calls it. */
  readonly key: string;
  /** The name of its page and of its plot in docs/benchmarks. */
  readonly file: string;
  readonly title: string;
  /** What is measured, and how: the first paragraph of its page. */
  readonly about: string;
  /** How often each subject runs unless `--rounds` says it: what takes longer runs less often. */
  readonly rounds: number;
  readonly run: (options: SectionOptions) => Promise<SectionResult>;
}
