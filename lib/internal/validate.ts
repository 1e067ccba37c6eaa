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

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
