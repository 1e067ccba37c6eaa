import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { firstValueFrom } from 'rxjs';
import { sdkPort } from '../../lib/kinesis/sdk-port.js';
import { resolveWire, type WireConfig } from '../../lib/kinesis/wire/wire-config.js';
import type { KinesisEvent } from '../../lib/monitoring/events.js';

/** What a page in the browser finds out. */
export interface BrowserReport {
  /** The format that is the default here. */
  readonly byDefault: string;
  /** How many pages each config has read as the SDK reads them. */
  readonly same: Readonly<Record<string, number>>;
  readonly events: readonly KinesisEvent[];
  readonly fault?: string;
}

const CONFIGS: readonly WireConfig[] = [
  {},
  { wire: 'json', payloads: 'copies' },
  { wire: 'cbor' },
  { wire: 'cbor', payloads: 'views' },
  { wire: 'cbor', payloads: 'copies' },
];

/** Runs in the browser: reads every page with the SDK and with each config, compares, and posts a {@link BrowserReport}. */
async function report(): Promise<BrowserReport> {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const client = new KinesisClient({ endpoint: location.origin, region: 'us-east-1', credentials });
  const same: Record<string, number> = {};
  const events: KinesisEvent[] = [];
  const byDefault = resolveWire({}).wire;
  try {
    for (const config of CONFIGS) {
      const sdk = { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand };
      const port = sdkPort(client, { ...resolveWire(config), notify: (event) => events.push(event) }, sdk);
      const name = JSON.stringify(config);
      same[name] = 0;
      for (let i = 0; i < Number(new URLSearchParams(location.search).get('pages')); i++) {
        const request = { ShardIterator: String(i) };
        const own = textOf(await client.send(new GetRecordsCommand(request)));
        const got = textOf(await firstValueFrom(port.getRecords(request)));
        if (own !== got) throw new Error(`page ${i} with ${name}: ${got.slice(0, 300)} in place of ${own.slice(0, 300)}`);
        same[name]++;
      }
    }
    return { byDefault, same, events };
  } catch (error) {
    return { byDefault, same, events, fault: String((error as Error).stack) };
  }
}

/** Everything in a page but its metadata, keys in order. */
function textOf({ $metadata: _metadata, ...page }: object & { readonly $metadata?: unknown }): string {
  return JSON.stringify(page, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return `bytes ${Array.from(value).join()}`;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

void report().then((body) => fetch('/report', { method: 'POST', body: JSON.stringify(body) }));
