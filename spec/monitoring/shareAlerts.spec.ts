import { expect } from 'chai';
import { Subject } from 'rxjs';
import type { Alert } from '../../lib/monitoring/alert.js';
import { shareAlerts } from '../../lib/monitoring/shareAlerts.js';
import { marbles } from '../../lib/testing/index.js';

const alert = (raised: boolean, shardId: string, type: Alert['type'] = 'stuckShard'): Alert => ({
  type,
  raised,
  shardId,
  value: 7,
  limit: 5,
});
const values = {
  a: alert(true, '0'),
  A: alert(false, '0'),
  b: alert(true, '1'),
  B: alert(false, '1'),
  e: alert(true, '0', 'highErrorRate'),
};

describe('shareAlerts', () => {
  it(
    'tells who comes later what is raised at the time, in the order in which it was raised, and what comes then',
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-a--e-b------A------a-', values);
      const alert$ = source.pipe(shareAlerts());
      expectObservable(alert$).toBe('-a--e-b------A------a-', values);
      expectObservable(alert$, '--^').toBe('--a-e-b------A------a-', values);
      expectObservable(alert$, '-------^').toBe('-------(aeb)-A------a-', values);
      expectObservable(alert$, '--------------^').toBe('--------------(eb)--a-', values);
      expectSubscriptions(source.subscriptions).toBe('^');
    }),
  );
  it(
    'knows of what is raised while nobody listens',
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-a--b-------A--', values);
      const alert$ = source.pipe(shareAlerts());
      expectObservable(alert$, '^-!').toBe('-a-', values);
      expectObservable(alert$, '------^---!').toBe('------(ab)', values);
      expectObservable(alert$, '-------------^').toBe('-------------b', values);
      expectSubscriptions(source.subscriptions).toBe('^');
    }),
  );
  it(
    'begins anew when the alerts have completed or failed',
    marbles(({ cold, expectObservable }) => {
      const failing = cold('-a#', values).pipe(shareAlerts());
      expectObservable(failing).toBe('-a#', values);
      expectObservable(failing, '-----^').toBe('------a#', values);
      const completing = cold('-a|', values).pipe(shareAlerts());
      expectObservable(completing).toBe('-a|', values);
      expectObservable(completing, '-----^').toBe('------a|', values);
    }),
  );
  it('tells who comes later also what is cleared because it is told of an alert', () => {
    const source = new Subject<Alert>();
    const alert$ = source.pipe(shareAlerts());
    alert$.subscribe();
    for (const one of [values.a, values.b, values.e]) source.next(one);
    const seen: Alert[] = [];
    alert$.subscribe((one) => {
      seen.push(one);
      if (one === values.a) for (const cleared of [values.A, values.B]) source.next(cleared);
    });
    // b is cleared before it could be told.
    expect(seen).to.deep.equal([values.a, values.A, values.B, values.e]);
  });
  it('tells whoever comes while an alert is told of it once', () => {
    marbles(({ hot }) => {
      const alert$ = hot('-a-', values).pipe(shareAlerts());
      const seen: Alert[] = [];
      alert$.subscribe(() => alert$.subscribe((one) => seen.push(one)));
      hot('--|').subscribe({ complete: () => expect(seen).to.deep.equal([values.a]) });
    })();
  });
});
