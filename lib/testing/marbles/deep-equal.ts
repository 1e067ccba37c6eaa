import { bytesOf, describeValue, errorFields } from './describe-value.js';

/** Whether two values have the same structure, see {@link difference}. */
export function deepEqual(actual: unknown, expected: unknown): boolean {
  return difference(actual, expected) === undefined;
}

/**
 * Describes where two values first differ in structure; `undefined` when they are equal.
 *
 * @remarks
 * Own enumerable fields count, also when their value is `undefined`; non-enumerable fields and prototypes do not. Errors are compared by
 * name, message, `code` and own enumerable fields; Dates by time; typed arrays by kind and content; Maps by key; Sets by content; functions
 * by identity. `NaN` equals itself. Cycles are followed once.
 */
export function difference(actual: unknown, expected: unknown): string | undefined {
  return compare(actual, expected, '', []);
}

/** The pairs above the present one, so that a cycle ends. */
type Pairs = ReadonlyArray<readonly [unknown, unknown]>;

function compare(actual: unknown, expected: unknown, path: string, above: Pairs): string | undefined {
  if (actual === expected || (actual !== actual && expected !== expected)) return undefined;
  const structured = isObject(actual) && isObject(expected) && kindOf(actual) === kindOf(expected);
  if (!structured) return say(path, actual, expected);
  if (above.some(([a, b]) => a === actual && b === expected)) return undefined;
  return compareObjects(actual, expected, path, [...above, [actual, expected]]);
}

function compareObjects(actual: object, expected: object, path: string, above: Pairs): string | undefined {
  if (actual instanceof Date && expected instanceof Date)
    return same(actual.getTime(), expected.getTime()) ? undefined : say(path, actual, expected);
  if (actual instanceof Error && expected instanceof Error) return compareFields(partsOf(actual), partsOf(expected), path, above);
  if (ArrayBuffer.isView(actual) && ArrayBuffer.isView(expected)) return compareBytes(actual, expected, path);
  if (actual instanceof Map && expected instanceof Map) return compareMaps(actual, expected, path, above);
  if (actual instanceof Set && expected instanceof Set) return compareSets(actual, expected, path, above);
  if (Array.isArray(actual) && Array.isArray(expected) && actual.length !== expected.length) {
    const shared = compareFields(actual.slice(0, expected.length), expected.slice(0, actual.length), path, above);
    return shared ?? `${path || 'the array'}: ${actual.length} items, not ${expected.length}`;
  }
  return compareFields(actual, expected, path, above);
}

function compareFields(actual: object, expected: object, path: string, above: Pairs): string | undefined {
  for (const key of new Set([...keysOf(expected), ...keysOf(actual)])) {
    const there = Object.hasOwn(actual, key);
    const place = Array.isArray(expected) ? `${path}[${String(key)}]` : `${path}${path && '.'}${String(key)}`;
    if (there !== Object.hasOwn(expected, key)) return `${place}: ${there ? 'is there, but not expected' : 'is missing'}`;
    const found = compare(Reflect.get(actual, key), Reflect.get(expected, key), place, above);
    if (found !== undefined) return found;
  }
  return undefined;
}

function compareBytes(actual: ArrayBufferView, expected: ArrayBufferView, path: string): string | undefined {
  const [a, b] = [bytesOf(actual), bytesOf(expected)];
  return a.length === b.length && a.every((byte, index) => byte === b[index]) ? undefined : say(path, actual, expected);
}

function compareMaps(
  actual: ReadonlyMap<unknown, unknown>,
  expected: ReadonlyMap<unknown, unknown>,
  path: string,
  above: Pairs,
): string | undefined {
  if (actual.size !== expected.size) return say(path, actual, expected);
  for (const [key, value] of expected) {
    const place = `${path}.get(${describeValue(key)})`;
    if (!actual.has(key)) return `${place}: is missing`;
    const found = compare(actual.get(key), value, place, above);
    if (found !== undefined) return found;
  }
  return undefined;
}

function compareSets(actual: ReadonlySet<unknown>, expected: ReadonlySet<unknown>, path: string, above: Pairs): string | undefined {
  const left = [...actual];
  for (const item of expected) {
    const index = left.findIndex((other) => compare(other, item, path, above) === undefined);
    if (index < 0) return say(path, actual, expected);
    left.splice(index, 1);
  }
  return left.length === 0 ? undefined : say(path, actual, expected);
}

/** The parts of an error that are compared: name, message and code wherever they are defined, but no symbols such as a brand. */
function partsOf(error: Error): object {
  return { name: error.name, message: error.message, ...errorFields(error) };
}

/** The kind of an object: Arrays, Errors, Dates and so on never equal another kind. */
function kindOf(value: object): string {
  return value instanceof Error ? 'Error' : Object.prototype.toString.call(value);
}

function keysOf(value: object): PropertyKey[] {
  return Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function same(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}

function say(path: string, actual: unknown, expected: unknown): string {
  return `${path && `${path}: `}${describeValue(actual)} is not ${describeValue(expected)}`;
}
