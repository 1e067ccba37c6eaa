import { catchError, defer, map, noop, type MonoTypeOperatorFunction, type ObservableInput } from 'rxjs';
import { isObject } from '../values/isObject.js';
import { wordOf } from '../values/errors.js';

/**
 * Where a client of the SDK sends its calls: its region, and the endpoint that it was given by its config, the environment or the user's files.
 * A client made by hand tells neither.
 */
export class ClientPlace {
  readonly #client: object;
  readonly #target: string;
  #region: string | undefined;
  #endpoint: string | undefined;
  #isAsked = false;

  /** @param target - what the calls are for, where no error of them names it. */
  constructor(client: object, target = '') {
    this.#client = client;
    this.#target = target;
  }

  /** Notes the errors of calls of this client, before `told` turns them into others. */
  watch<T>(told: (error: unknown) => unknown): MonoTypeOperatorFunction<T> {
    return (call$) =>
      defer(() => {
        this.ask();
        return call$;
      }).pipe(
        catchError((error: unknown) => {
          this.note(error);
          throw told(error);
        }),
      );
  }

  /** Asks the client, once. It may read its files for the answer, as it does for a call: nobody waits for that. */
  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const config = ((this.#client as { readonly config?: unknown }).config ?? {}) as ClientConfig;
    const answered = (field: unknown, take: (answer: unknown) => void): void => {
      if (typeof field === 'function')
        defer(field as () => ObservableInput<unknown>)
          .pipe(map(take))
          .subscribe({ error: noop });
    };
    answered(config.region, (answer) => (this.#region = wordOf(answer)));
    answered(endpointIn(config), (answer) => (this.#endpoint = addressOf(answer)));
  }

  /** Notes that an error is of a call of this client, for {@link placeOf}. */
  note(error: unknown): void {
    const known = [this.#target, this.#region && `region ${this.#region}`, this.#endpoint && `endpoint ${this.#endpoint}`].filter(Boolean);
    if (isObject(error) && known.length > 0) places.set(error, ` (${known.join(', ')})`);
  }
}

/** For the end of a message: where the call was sent that has failed with this error, or with one of its causes; empty where nobody knows. */
export function placeOf(error: unknown): string {
  for (let depth = 0, fault = error; isObject(fault) && depth < 4; depth++, fault = (fault as { readonly cause?: unknown }).cause) {
    const place = places.get(fault);
    if (place !== undefined) return place;
  }
  return '';
}

/** Beside the errors and not in them: an error of a call may be anybody's. */
const places = /* @__PURE__ */ new WeakMap<object, string>();

/** Functions that give a Promise. Without an endpoint of its own a client has no `endpoint`, until its first call has looked for a configured one. */
interface ClientConfig {
  /** In every 3.x version, as `endpoint`. */
  readonly region?: unknown;
  readonly endpoint?: unknown;
  /** What `AWS_ENDPOINT_URL` and the like or the user's files say: a URL, or `undefined`. Older versions do not have it. */
  readonly serviceConfiguredEndpoint?: unknown;
  /** Whether the client leaves that out. */
  readonly ignoreConfiguredEndpointUrls?: unknown;
}

function endpointIn({ endpoint, serviceConfiguredEndpoint, ignoreConfiguredEndpointUrls }: ClientConfig): unknown {
  return endpoint ?? (ignoreConfiguredEndpointUrls === true ? undefined : serviceConfiguredEndpoint);
}

/** Without the path, the query and the user of a URL, which may be secret. */
function addressOf(endpoint: unknown): string | undefined {
  const parts = typeof endpoint === 'string' ? new URL(endpoint) : (endpoint ?? {});
  const { protocol, hostname, port } = parts as { readonly [part in 'hostname' | 'port' | 'protocol']?: unknown };
  const [scheme, host] = [wordOf(protocol), wordOf(hostname)];
  return scheme && host && `${scheme}//${host}${/^\d{1,5}$/.test(String(port)) ? `:${String(port)}` : ''}`;
}
