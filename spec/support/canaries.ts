import { inspect } from 'node:util';

const encoder = new TextEncoder();

/** What must not be found in any error, event or line of a log. Each is long enough to be found in parts. */
export const canaries = {
  accessKey: 'AKIACANARYACCESSKEY0',
  secretKey: 'CanarySecret/KeyThatSignsRequests+7777777',
  sessionToken: 'CanarySessionToken//////////wEaCXVzLXdlc3QtMiJHMEUC',
  payload: 'canary-payload: card 4111 1111 1111 1111',
  partitionKey: 'canary-partition-key:jane.doe@example.com',
} as const;

/** The payload as bytes. */
export const canaryPayload = encoder.encode(canaries.payload);

/**
 * Everything that whoever logs `value` may get to see: its texts, what is thrown in with them by inspection and by JSON, and whatever else can be
 * reached from it by its own keys, hidden ones and symbols too.
 */
export function shownBy(value: unknown): string[] {
  const options = { depth: 10, showHidden: true, maxArrayLength: null, maxStringLength: null, breakLength: Infinity };
  return [
    attempt(() => String(value)),
    attempt(() => JSON.stringify(value)),
    attempt(() => inspect(value, options)),
    ...reachableFrom(value),
  ];
}

/** The names of the canaries that are in one of the texts, in whatever form. */
export function canariesIn(texts: readonly string[]): string[] {
  return Object.entries(canaries).flatMap(([name, canary]) =>
    texts.some((text) => formsOf(canary).some((form) => text.includes(form))) ? [name] : [],
  );
}

/** A canary in part, as base64, as JSON and inspection print bytes. */
function formsOf(canary: string): string[] {
  const part = canary.slice(0, 12);
  const bytes = [...encoder.encode(part)];
  return [
    ...[part, encodeURIComponent(part), canary.slice(-12)],
    Buffer.from(part).toString('base64').slice(0, -4),
    bytes.join(','),
    bytes.join(', '),
    bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
    bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    bytes.map((byte, i) => `"${i}":${byte}`).join(','),
  ];
}

/** All texts and bytes that are reached from `value` by own keys. */
function reachableFrom(value: unknown): string[] {
  const texts: string[] = [];
  const seen = new Set<unknown>();
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'string') texts.push(next);
    if (((typeof next !== 'object' || next === null) && typeof next !== 'function') || seen.has(next)) continue;
    seen.add(next);
    if (ArrayBuffer.isView(next)) texts.push(Buffer.from(next.buffer).toString('latin1'));
    else
      for (const key of Reflect.ownKeys(next))
        left.push(
          String(key),
          attempt(() => (next as Record<PropertyKey, unknown>)[key]),
        );
    if (next instanceof Map || next instanceof Set) left.push(...next);
  }
  return texts;
}

function attempt<T>(look: () => T): T | string {
  try {
    return look() ?? '';
  } catch (error) {
    return String(error);
  }
}
