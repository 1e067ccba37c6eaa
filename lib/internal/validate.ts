import { InvalidConfigError } from '../values/errors.js';

/** Throws unless `value` is a number from `minimum` up. `Infinity` passes only where `unlimited` says so. */
export function assertNumber(name: string, value: unknown, minimum: number, unlimited = false): void {
  const valid = typeof value === 'number' && value >= minimum && (unlimited || Number.isFinite(value));
  if (!valid)
    throw new InvalidConfigError(`${name}: expected a ${unlimited ? '' : 'finite '}number from ${minimum} up, got ${shown(value)}`);
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

/** Throws when `config` has a field that is not one of `known`: a misspelt option would otherwise be passed over in silence. */
export function assertKnownFields(config: object, known: readonly string[]): void {
  const unknown = Object.keys(config).filter((field) => !known.includes(field));
  if (unknown.length > 0) throw new InvalidConfigError(`unknown option ${unknown.join(', ')}; known are ${known.join(', ')}`);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
