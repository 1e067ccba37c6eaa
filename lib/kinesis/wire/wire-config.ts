import { InvalidConfigError } from '../../values/errors.js';
import { hasNativeText } from './bytes.js';
import type { PayloadPlacement } from './page-payloads.js';
import type { WireFormat } from './wire-format.js';

/** The wire format of pages of records, and the place of their payloads in memory. */
export interface WireConfig {
  /**
   * `'cbor'`: CBOR, as in Amazon's Java SDK; where the service does not accept it, JSON with a `wireFallback` event. `'json'`: JSON, as in
   * the AWS SDK for JavaScript, but decoded here. `'sdk'`: the SDK alone, for a client with middlewares of its own that must see the
   * original answer. A `KinesisPort`, and a client that has only `send`, decode pages themselves.
   *
   * @defaultValue 'cbor'; `'json'` in browsers, and where the environment has `AWS_CBOR_DISABLE`
   */
  readonly wire?: WireFormat | 'sdk' | undefined;
  /**
   * Where payloads lie in memory. `'slabs'`: in shared buffers of at most 64 KiB, so a record that you keep holds at most that in memory.
   * `'views'`: in the page, without a copy; a record that you keep holds its page in memory, up to 10 MiB. `'copies'`: each in a buffer of
   * its own, which may be transferred to another thread. The user records of a KPL aggregate are placed likewise; with `'views'` one of
   * them holds its aggregate, or its page.
   *
   * @defaultValue 'slabs'
   */
  readonly payloads?: PayloadPlacement | undefined;
}

/** A {@link WireConfig} checked, with its defaults. */
export interface ResolvedWireConfig {
  readonly wire: WireFormat | 'sdk';
  readonly payloads: PayloadPlacement;
}

/** Checks the fields and fills in the defaults. @throws InvalidConfigError */
export function resolveWire(config: WireConfig): ResolvedWireConfig {
  const { wire, payloads = 'slabs' } = config;
  if (wire !== undefined) assertOneOf('wire', wire, ['cbor', 'json', 'sdk']);
  if (wire === 'sdk' && config.payloads !== undefined) throw new InvalidConfigError("payloads: with wire 'sdk' the SDK places them");
  assertOneOf('payloads', payloads, ['copies', 'slabs', 'views']);
  return { wire: wire ?? defaultFormat(), payloads };
}

/** The default format. In browsers JSON is faster: they parse it in native code, but turning bytes into text takes one call a text. */
function defaultFormat(): WireFormat {
  return hasNativeText() && !isCborDisabled() ? 'cbor' : 'json';
}

/** Whether the environment variable that Amazon's own SDKs and emulators use disables CBOR. */
function isCborDisabled(): boolean {
  const value = environment('AWS_CBOR_DISABLE')?.toLowerCase();
  return value !== undefined && !['', '0', 'false'].includes(value);
}

function environment(name: string): string | undefined {
  const { process } = globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> } };
  try {
    return process?.env?.[name];
  } catch {
    // Deno throws when the program has no permission to read its environment.
    return undefined;
  }
}

function assertOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (allowed.some((each) => each === value)) return;
  const words = allowed.map((each) => `'${each}'`);
  throw new InvalidConfigError(`${name}: expected ${words.slice(0, -1).join(', ')} or ${words.at(-1)}, got ${JSON.stringify(value)}`);
}
