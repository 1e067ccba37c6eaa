import {
  throttled,
  serverError,
  startFaultProxy,
  unavailable,
  type Exchange,
  type Fault,
  type FaultProxy,
} from '../support/fault-proxy.js';
import type { Garbling } from '../support/garbled-replies.js';
import { seededRandom } from '../support/seeded-random.js';
import { services, type Burst, type FaultKind, type ServiceName } from './schedule.js';

/** How long a request may be late: less, and more, than the workers wait for it, and than a lease is theirs without a renewal. */
const LATEST_MS = 12_000;

const garblings: readonly Garbling[] = ['flipped', 'html 200', 'html 502', 'headers', 'empty'];

/** A proxy before each service, which make the faults of a burst and count them. */
export class FaultMaker {
  /** How often each fault was made. */
  readonly made: Readonly<Record<ServiceName, Partial<Record<FaultKind, number>>>> = { kinesis: {}, dynamodb: {} };
  readonly #proxies: Readonly<Record<ServiceName, FaultProxy>>;
  readonly #random: () => number;

  private constructor(proxies: Readonly<Record<ServiceName, FaultProxy>>, seed: number) {
    this.#proxies = proxies;
    this.#random = seededRandom(seed);
  }

  /** @param watch - is told of every request that the table has answered. */
  static async start(
    endpoints: Readonly<Record<ServiceName, string>>,
    seed: number,
    watch: (exchange: Exchange) => void,
  ): Promise<FaultMaker> {
    const kinesis = await startFaultProxy(endpoints.kinesis);
    return new FaultMaker({ kinesis, dynamodb: await startFaultProxy(endpoints.dynamodb, watch) }, seed);
  }

  get total(): number {
    return services.reduce((sum, service) => sum + Object.values(this.made[service]).reduce((all, count) => all + count, 0), 0);
  }

  endpoint(service: ServiceName): string {
    return this.#proxies[service].endpoint;
  }

  make({ services: struck, kinds, part }: Burst): void {
    for (const service of struck) {
      this.#proxies[service].make(() => {
        if (this.#random() >= part) return undefined;
        const kind = this.#one(kinds);
        this.made[service][kind] = (this.made[service][kind] ?? 0) + 1;
        return this.#faultOf(kind);
      });
    }
  }

  heal(): void {
    services.forEach((service) => this.#proxies[service].heal());
  }

  async stop(): Promise<void> {
    await Promise.all(services.map((service) => this.#proxies[service].stop()));
  }

  #faultOf(kind: FaultKind): Fault {
    switch (kind) {
      case 'error':
        return this.#one([serverError, unavailable]);
      case 'throttled':
        return this.#one([throttled, { type: 'error', status: 400, name: 'ThrottlingException' }]);
      case 'garbled':
        return { type: 'garbled', how: this.#one(garblings) };
      case 'hang':
        return { type: 'hang', served: this.#random() < 0.5 };
      case 'delay':
        return { type: 'delay', delayMs: Math.round(this.#random() ** 2 * LATEST_MS) };
      case 'cut':
      case 'duplicated':
      case 'lost':
      case 'reset':
        return { type: kind };
    }
  }

  #one<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)]!;
  }
}
