import { catchError, NEVER, of, type Observable } from 'rxjs';
import { boundedPort } from '../../lib/leases/boundedPort.js';
import type { LeasePort } from '../../lib/leases/lease-port.js';
import { marbles } from '../../lib/testing/index.js';

describe('boundedPort', () => {
  const unanswered = { scan: () => NEVER, get: () => NEVER } as unknown as LeasePort;

  for (const [name, requestTimeoutMs, failoverTimeMs, request] of [
    ['requestTimeoutMs is', 3_000_000_000, 10_000, 'get'],
    ['failoverTimeMs is', 1_000, 3_000_000_000, 'scan'],
  ] as const)
    it(
      `limits a request to what a timer can hold where ${name} more`,
      marbles(
        ({ scheduler, expectObservable }) => {
          const port = boundedPort(unanswered, { requestTimeoutMs, failoverTimeMs, scheduler });
          const asked$: Observable<unknown> = request === 'get' ? port.get('shard') : port.scan(false);
          const outcome$ = asked$.pipe(catchError((error: unknown) => of((error as Error).name)));
          expectObservable(outcome$).toBe(`${2 ** 31 - 1}ms (n|)`, { n: 'TimeoutError' });
        },
        { maxFrames: 2 ** 31 },
      ),
    );
});
