import { expect } from 'chai';
import { eventsTable } from './events-table.js';
import { read } from './fences.js';

describe('docs/guide/events.md', () => {
  it('has a row for each event, with what the code says of it', function () {
    this.timeout(30_000);
    const lines = read('docs/guide/events.md').split('\n');
    const start = lines.findIndex((line) => line.startsWith('| event |'));
    const rows = lines.slice(start, lines.indexOf('', start));
    expect(rows).to.deep.equal(eventsTable());
  });
});
