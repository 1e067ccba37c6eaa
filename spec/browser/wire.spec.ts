import { expect } from 'chai';
import { build } from 'esbuild';
import fc from 'fast-check';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { CborReader } from '../../lib/kinesis/wire/cbor-reader.js';
import { CBOR, JSON_TYPE } from '../support/answering-client.js';
import { close, kill, listen } from '../support/kinesis-services.js';
import { anyPage, cborPageOf, jsonPageOf } from '../support/wire-pages.js';
import type { BrowserReport } from './read-pages.js';

const chromium = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find((file) => existsSync(file));

if (chromium === undefined) {
  it('a browser: not run, there is no Chromium', () => {
    console.warn('spec/browser/wire.spec.ts did not run: there is no chromium in the path');
  });
} else {
  describe('pages through fetch in Chromium', function () {
    this.timeout(120_000);
    const pages = fc.sample(anyPage, { numRuns: 250, seed: 11 });
    let server: Server;
    let browser: ChildProcess;
    let profile: string;
    let report: BrowserReport;

    before(async () => {
      const script = await bundle();
      const reported = new Promise<BrowserReport>((resolve) => {
        server = createServer((request, response) => {
          void serve(request, response, script).then((body) => body && resolve(body));
        });
      });
      const port = await listen(server);
      profile = await mkdtemp(join(tmpdir(), 'chromium-'));
      const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${profile}`];
      browser = spawn(chromium, [...options, `http://127.0.0.1:${port}/page?pages=${pages.length}`], { stdio: 'ignore' });
      const ended = new Promise<never>((_resolve, reject) =>
        browser.once('exit', (code) => reject(new Error(`Chromium ended with ${code}`))),
      );
      report = await Promise.race([reported, ended]);
    });
    after(async () => {
      await kill(browser);
      server.closeAllConnections();
      await close(server);
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    });

    it('are those of the SDK, in JSON by default and in CBOR where that is asked for', () => {
      expect(report.fault).to.equal(undefined);
      expect(report.byDefault).to.equal('json');
      expect(Object.values(report.same))
        .to.have.length(5)
        .and.to.satisfy((counts: number[]) => counts.every((count) => count === pages.length));
      expect(report.events).to.deep.equal([]);
    });

    /** The page, the script, the pages of records, and the report. */
    async function serve(request: IncomingMessage, response: ServerResponse, script: string): Promise<BrowserReport | undefined> {
      const body = await buffer(request);
      const answer = (type: string, content: string | Uint8Array): void =>
        void response.writeHead(200, { 'content-type': type }).end(content);
      if (request.method === 'GET' && request.url === '/script.js') answer('text/javascript', script);
      else if (request.method === 'GET') answer('text/html', '<!doctype html><meta charset="utf-8"><script src="/script.js"></script>');
      else if (request.url === '/report') {
        answer('text/plain', 'ok');
        return JSON.parse(body.toString()) as BrowserReport;
      } else {
        const isCbor = request.headers['content-type'] === CBOR;
        const { ShardIterator } = (isCbor ? new CborReader(body).value() : JSON.parse(body.toString())) as {
          readonly ShardIterator: string;
        };
        const page = pages[Number(ShardIterator)]!;
        answer(isCbor ? CBOR : JSON_TYPE, isCbor ? cborPageOf(page) : jsonPageOf(page));
      }
      return undefined;
    }
  });
}

/** What runs in the browser, as one script. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'read-pages.ts')],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}
