import type { Figure } from './figures.js';

/** The greatest median that each ratio of a section may have, by the section's key. */
export type Budgets = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What a section has found out about its budgets, one sentence for each that is broken. */
export function brokenBudgets(limits: Readonly<Record<string, number>>, ratios: Readonly<Record<string, Figure>>): string[] {
  return Object.entries(limits).flatMap(([name, limit]) => {
    const ratio = ratios[name];
    if (!ratio) return [`${name}: was not measured, but has a budget of ${limit}`];
    return ratio.median > limit ? [`${name}: ${ratio.median.toFixed(2)} is above its budget of ${limit}`] : [];
  });
}
