/** Whether the value is an object or a function: what may have properties of its own. */
export function isObject(value: unknown): value is Readonly<Record<PropertyKey, unknown>> {
  return Object(value) === value;
}
