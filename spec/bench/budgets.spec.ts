import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { brokenBudgets, type Budgets } from './budgets.js';
import { figureOf } from './figures.js';
import { SECTIONS } from './sections.js';

describe('the budgets of the benchmark', () => {
  const ratios = { 'a : b': figureOf([0.5, 0.9, 0.6]), 'c : b': figureOf([2]) };

  it('are kept by a median within them, whatever the spread', () => {
    expect(brokenBudgets({ 'a : b': 0.6 }, ratios)).to.deep.equal([]);
  });

  it('are broken by a median above them, and the sentence says by what', () => {
    expect(brokenBudgets({ 'a : b': 0.59, 'c : b': 1 }, ratios)).to.deep.equal([
      'a : b: 0.60 is above its budget of 0.59',
      'c : b: 2.00 is above its budget of 1',
    ]);
  });

  it('are broken by a ratio that was not measured: its name was mistyped, or its row is gone', () => {
    expect(brokenBudgets({ 'a: b': 1 }, ratios)).to.deep.equal(['a: b: was not measured, but has a budget of 1']);
  });

  it('are those of sections that there are', () => {
    const budgets = JSON.parse(readFileSync(join(import.meta.dirname, 'budgets.json'), 'utf8')) as Budgets;
    expect(SECTIONS.map(({ key }) => key)).to.include.members(Object.keys(budgets));
  });
});
