import { InvalidConfigError } from '../../values/errors.js';
import { hasNativeText } from './bytes.js';
import type { PayloadPlacement } from './page-payloads.js';
import type { WireFormat } from './wire-format.js';

/** How pages of records come over the wire, and where their payloads lie. */
export interface WireConfig {
  /**
   * `'cbor'`: as Amazon's Java SDK reads, with a `wireFallback` event and JSON where the service does not take it. `'json'`:
   * as the AWS SDK for JavaScript does, but decoded here. `'sdk'`: by the SDK alone, for a client with middlewares
   * of its own that must see the answer as it came. A `KinesisPort`, and a client that has nothing but `send`, decode for
   * themselves.
   *
   * @defaultValue 'cbor'; `'json'` in browsers, and where the environment has `AWS_CBOR_DISABLE`
   */
  readonly wire?: WireFormat | 'sdk';
  /**
   * Where payloads lie in memory. `'slabs'`: side by side in pieces of at most 64 KiB, so a record that is kept keeps at most as much. `'views'`:
   * in the page, without a copy; a record that is kept keeps its page, up to 10 MiB. `'copies'`: each in a
   * buffer of its own, which may be transferred to another thread.
   *
   * @defaultValue 'slabs'
   */
  readonly payloads?: PayloadPlacement;
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

/** In browsers JSON is quicker: they parse it in native code, and turn bytes into text by a call for each short one. */
function defaultFormat(): WireFormat {
  return hasNativeText() && !isCborDisabled() ? 'cbor' : 'json';
}

/** The environment variable of Amazon's own SDKs and emulators, where there is an environment. */
function isCborDisabled(): boolean {
  const value = environment('AWS_CBOR_DISABLE')?.toLowerCase();
  return value !== undefined && !['', '0', 'false'].includes(value);
}

function environment(name: string): string | undefined {
  const { process } = globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> } };
  try {
    return process?.env?.[name];
  } catch {
    // Deno throws where the program may not see its environment.
    return undefined;
  }
}

function assertOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (allowed.some((each) => each === value)) return;
  const words = allowed.map((each) => `'${each}'`);
  throw new InvalidConfigError(`${name}: expected ${words.slice(0, -1).join(', ')} or ${words.at(-1)}, got ${JSON.stringify(value)}`);
}
