import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { catchError, defer, NEVER, of, tap, type Observable } from 'rxjs';
import { ensureTable } from '../../lib/dynamodb/ensureTable.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { marbles, type MarbleHelpers } from '../../lib/testing/index.js';

const SCHEMA: TableDescription = {
  KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
  AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
};
const table = (TableStatus: TableDescription['TableStatus']): TableDescription => ({ ...SCHEMA, TableStatus });

/** A service whose DescribeTable answers with these in turn, the last one for ever, and the calls that it got. */
function scripted(...answers: (TableDescription | undefined)[]) {
  const calls: string[] = [];
  const call = <T>(name: string, answer: () => T): Observable<T> =>
    defer(() => {
      calls.push(name);
      return of(answer());
    });
  const describeTable = () => call('describe', () => (answers.length > 1 ? answers.shift() : answers[0]));
  return { describeTable, createTable: () => call('create', () => undefined), calls };
}

describe('ensureTable', () => {
  const config = ({ scheduler }: MarbleHelpers) => ({ tableName: 'leases', pollIntervalMs: 10, requestTimeoutMs: 1_000, scheduler });

  for (const status of ['ACTIVE', 'UPDATING'] as const) {
    it(
      `emits at once when the table is ${status}`,
      marbles((helpers) => {
        const service = scripted(table(status));
        helpers.expectObservable(ensureTable(service, config(helpers))).toBe('(u|)', { u: undefined });
        helpers.flush();
        expect(service.calls).to.deep.equal(['describe']);
      }),
    );
  }

  it(
    'makes a missing table and looks until it is active, also while the service does not know it yet',
    marbles((helpers) => {
      const service = scripted(undefined, undefined, table('CREATING'), table('ACTIVE'));
      helpers.expectObservable(ensureTable(service, config(helpers))).toBe('30ms (u|)', { u: undefined });
      helpers.flush();
      expect(service.calls).to.deep.equal(['describe', 'create', 'describe', 'describe', 'describe']);
    }),
  );

  it(
    'waits for a table that another worker is making',
    marbles((helpers) => {
      const service = scripted(table('CREATING'), table('ACTIVE'));
      helpers.expectObservable(ensureTable(service, config(helpers))).toBe('10ms (u|)', { u: undefined });
      helpers.flush();
      expect(service.calls).not.to.include('create');
    }),
  );

  it(
    'makes a table that was being deleted anew once it is gone',
    marbles((helpers) => {
      const service = scripted(table('DELETING'), table('DELETING'), undefined, undefined, table('CREATING'), table('ACTIVE'));
      helpers.expectObservable(ensureTable(service, config(helpers))).toBe('50ms (u|)', { u: undefined });
      helpers.flush();
      expect(service.calls.filter((call) => call === 'create')).to.have.length(1);
      expect(service.calls.indexOf('create')).to.equal(3);
    }),
  );

  it(
    'limits a request to what a timer can hold',
    marbles(
      (helpers) => {
        const service = { describeTable: () => NEVER, createTable: () => NEVER };
        const ensured = ensureTable(service, { ...config(helpers), requestTimeoutMs: 3_000_000_000 }).pipe(
          catchError((error: unknown) => of((error as Error).name)),
        );
        helpers.expectObservable(ensured).toBe(`${2 ** 31 - 1}ms (n|)`, { n: 'TimeoutError' });
      },
      { maxFrames: 2 ** 31 },
    ),
  );

  it(
    'gives up after two minutes',
    marbles((helpers) => {
      const ensured = ensureTable(scripted(table('DELETING')), config(helpers)).pipe(
        catchError((error: unknown) => of((error as Error).name)),
      );
      helpers.expectObservable(ensured).toBe('120s (n|)', { n: 'TimeoutError' });
    }),
  );

  it(
    'stops looking when unsubscribed',
    marbles((helpers) => {
      const service = scripted(table('CREATING'));
      helpers.expectObservable(ensureTable(service, config(helpers)), '25ms !').toBe('');
      helpers.flush();
      expect(service.calls).to.have.length(3);
    }),
  );

  it(
    'unsubscribes the request under way',
    marbles((helpers) => {
      const describeTable = helpers.cold<TableDescription>('-');
      helpers
        .expectObservable(ensureTable({ describeTable: () => describeTable, createTable: () => NEVER }, config(helpers)), '--!')
        .toBe('');
      helpers.expectSubscriptions(describeTable.subscriptions).toBe('^-!');
    }),
  );

  it(
    'passes on the error of a request',
    marbles((helpers) => {
      const service = { ...scripted(undefined), createTable: () => helpers.cold<undefined>('--#', undefined, 'denied') };
      helpers.expectObservable(ensureTable(service, config(helpers))).toBe('--#', undefined, 'denied');
    }),
  );

  it(
    'passes on the error of a later look',
    marbles((helpers) => {
      const looks = [of(table('CREATING')), helpers.cold<TableDescription>('--#', undefined, 'throttled')];
      const service = { describeTable: () => looks.shift() ?? NEVER, createTable: () => NEVER };
      helpers.expectObservable(ensureTable(service, config(helpers))).toBe('10ms --#', undefined, 'throttled');
    }),
  );

  it(
    'refuses a table with another key once it is there',
    marbles((helpers) => {
      const errors: unknown[] = [];
      const foreign: TableDescription = { TableStatus: 'ACTIVE', KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] };
      const ensured = ensureTable(scripted(undefined, foreign), config(helpers)).pipe(
        tap({ error: (error: unknown) => errors.push(error) }),
        catchError(() => of('refused')),
      );
      helpers.expectObservable(ensured).toBe('10ms (r|)', { r: 'refused' });
      helpers.flush();
      expect(errors[0]).to.satisfy(isInvalidConfig);
      expect((errors[0] as Error).message)
        .to.include('"leases"')
        .and.include('HASH leaseKey (S)');
    }),
  );
});
