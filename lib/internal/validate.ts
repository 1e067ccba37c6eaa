import { InvalidConfigError } from '../values/errors.js';
import { isObject } from '../values/isObject.js';
import { shown } from '../values/shown.js';

/** Throws unless `value` is a number from `minimum` up. `Infinity` passes only where `unlimited` says so. */
export function assertNumber(name: string, value: unknown, minimum: number, unlimited = false): void {
  const valid = typeof value === 'number' && value >= minimum && (unlimited || Number.isFinite(value));
  if (!valid)
    throw new InvalidConfigError(`${name}: expected a ${unlimited ? '' : 'finite '}number from ${minimum} up, got ${shown(value)}`);
}

/** Throws unless `value` is a number above 0. `Infinity` passes only where `unlimited` says so. */
export function assertPositive(name: string, value: unknown, unlimited = false): void {
  const valid = typeof value === 'number' && value > 0 && (unlimited || Number.isFinite(value));
  if (!valid) throw new InvalidConfigError(`${name}: expected a ${unlimited ? '' : 'finite '}number above 0, got ${shown(value)}`);
}

/** Throws unless `value` is a whole number from `minimum` to `maximum`. */
export function assertInteger(name: string, value: unknown, minimum: number, maximum = Number.MAX_SAFE_INTEGER): void {
  const valid = Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum;
  const bounds = maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum} up` : `from ${minimum} to ${maximum}`;
  if (!valid) throw new InvalidConfigError(`${name}: expected a whole number ${bounds}, got ${shown(value)}`);
}

/** Throws unless `value` is a function. */
export function assertFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new InvalidConfigError(`${name}: expected a function, got ${typeof value}`);
}

/** Throws unless `value` is an object with a method of this name. */
export function assertMethod(name: string, value: unknown, method: string): void {
  assertFunction(`${name}.${method}`, (value as Readonly<Record<string, unknown>> | null | undefined)?.[method]);
}

/** Throws unless `value` is an object with a method of this name. Of a function that makes such objects it says that it must be called. */
export function assertMade(name: string, value: unknown, method: string, call: string): void {
  if (typeof value === 'function' && !(method in value)) throw notCalled(name, call, value);
  assertMethod(name, value, method);
}

/** Makes the error for a function that was given in place of what it makes. */
export function notCalled(name: string, call: string, given: { readonly name: string }): InvalidConfigError {
  return new InvalidConfigError(`${name}: expected ${call}, got the function ${given.name} itself`);
}

/** Throws when `client` is one of the SDK for another service. A client made by hand, which names none, passes. */
export function assertService(name: string, client: object, service: 'DynamoDB' | 'Kinesis' | 'S3'): void {
  const { config } = client as { readonly config?: { readonly serviceId?: unknown } | null };
  const serviceId = config?.serviceId;
  if (serviceId !== undefined && serviceId !== service)
    throw new InvalidConfigError(`${name}: expected a client of ${service}, got one of ${shown(serviceId)}`);
}

/** Throws unless `scheduler` is one of RxJS. */
export function assertScheduler(scheduler: unknown): void {
  for (const method of ['now', 'schedule']) assertMethod('scheduler', scheduler, method);
}

/** The fields of a config as a list that the compiler keeps complete: a missing or an extra field does not compile. */
export type FieldsOf<Config> = Readonly<Record<keyof Config, true>>;

/**
 * Throws unless `config` is an object that has no fields but `fields`: a misspelt option would otherwise be ignored silently.
 *
 * @param name - how the message names the config.
 */
export function assertKnownFields<Config extends object>(config: Config, fields: FieldsOf<NoInfer<Config>>, name = 'config'): void {
  // By its tag, so that the object may be an instance of a user's class, or come from another realm.
  const tag = Object.prototype.toString.call(config).slice('[object '.length, -1);
  if (tag !== 'Object')
    throw new InvalidConfigError(`${name}: expected an object, got ${isObject(config) ? `one of kind ${tag}` : shown(config)}`);
  const unknown = Object.keys(config).filter((field) => !Object.hasOwn(fields, field));
  if (unknown.length > 0)
    throw new InvalidConfigError(`${name}: unknown option ${unknown.join(', ')}; known are ${Object.keys(fields).join(', ')}`);
}
