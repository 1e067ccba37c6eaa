import { createServer, type Server } from 'node:http';
import { expect } from 'chai';
import { startFaultProxy, type Exchange, type Fault, type FaultProxy } from '../support/fault-proxy.js';
import { garble, type Garbling } from '../support/garbled-replies.js';
import { close, listen } from '../support/kinesis-services.js';
import { until } from '../support/until.js';

const ANSWER = JSON.stringify({ Records: [], note: 'an answer of some length, so that its half is not all of it' });

describe('a fault proxy', () => {
  let served = 0;
  let service: Server;
  let proxy: FaultProxy;
  const exchanges: Exchange[] = [];
  beforeEach(async () => {
    [served, exchanges.length] = [0, 0];
    service = createServer((_, response) => {
      served++;
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(ANSWER);
    });
    proxy = await startFaultProxy(`http://127.0.0.1:${await listen(service)}`, (exchange) => exchanges.push(exchange));
  });
  afterEach(async () => {
    await proxy.stop();
    service.closeAllConnections();
    await close(service);
  });

  const ask = async (fault?: Fault): Promise<string> => {
    proxy.make(() => fault);
    const headers = { 'x-amz-target': 'Kinesis_20131202.GetRecords' };
    const answer = await fetch(proxy.endpoint, { method: 'POST', headers, body: 'a request', signal: AbortSignal.timeout(500) });
    return `${answer.status} ${await answer.text()}`;
  };
  const failureOf = (fault: Fault): Promise<string> =>
    ask(fault).then(
      (text) => `answered ${text}`,
      (error: Error) => error.name,
    );

  it('passes on what meets no fault, and tells of it', async () => {
    expect(await ask()).to.equal(`200 ${ANSWER}`);
    expect(exchanges.map(({ operation, body, status }) => [operation, body.toString(), status])).to.deep.equal([
      ['GetRecords', 'a request', 200],
    ]);
    expect(proxy.countOf('GetRecords')).to.deep.equal({ calls: 1, faults: 0 });
  });

  it('has the service do what is lost, cut or garbled, and not what is reset', async () => {
    for (const type of ['lost', 'cut', 'reset'] as const) expect(await failureOf({ type }), type).to.equal('TypeError');
    expect(served).to.equal(2);
    expect(await ask({ type: 'garbled', how: 'html 502' })).to.match(/^502 <html>/);
    expect(served).to.equal(3);
  });

  it('never answers what hangs, whether the service does it or not', async () => {
    expect(await failureOf({ type: 'hang', served: true })).to.equal('TimeoutError');
    expect(served).to.equal(1);
    expect(await failureOf({ type: 'hang', served: false })).to.equal('TimeoutError');
    expect(served).to.equal(1);
  });

  it('sends a request twice, and passes one answer on', async () => {
    expect(await ask({ type: 'duplicated' })).to.equal(`200 ${ANSWER}`);
    expect(served).to.equal(2);
  });

  it('passes on what is late, also when nobody waits for it any more', async () => {
    expect(await failureOf({ type: 'delay', delayMs: 700 })).to.equal('TimeoutError');
    expect(served).to.equal(0);
    await until('the service has it', () => served === 1);
  });

  it('spoils answers so that they cannot be read', () => {
    const reply = { status: 200, headers: {}, body: Buffer.from(ANSWER) };
    for (const how of ['flipped', 'html 200', 'html 502', 'headers', 'empty'] satisfies Garbling[]) {
      const { body } = garble(reply, how);
      expect(() => void JSON.parse(body.toString()), how).to.throw(SyntaxError);
      expect(body.equals(reply.body)).to.equal(false);
    }
  });
});
