import { expect } from 'chai';
import { AwsFault } from '../../lib/internal/aws-fault.js';
import { setUpFaultOf } from '../../lib/internal/set-up-fault.js';

const withCode = (code: string, cause?: unknown): Error =>
  Object.assign(new Error('connect'), { code, ...(cause !== undefined && { cause }) });

const refused = (name: string, httpStatusCode: number): Error =>
  Object.assign(new Error('<html>'), { name, $metadata: { httpStatusCode } });

describe('setUpFaultOf', () => {
  const cases: ReadonlyArray<[string, unknown, RegExp, boolean]> = [
    ['a client without region', new Error('Region is missing'), /region/, true],
    ['HTTP/2 to an endpoint that speaks HTTP/1', withCode('ERR_HTTP2_ERROR'), /NodeHttpHandler/, true],
    ['TLS to an endpoint without it', withCode('EPROTO'), /http:/, true],
    ['TLS under HTTP/2', withCode('ERR_HTTP2_STREAM_CANCEL', withCode('ERR_SSL_WRONG_VERSION_NUMBER')), /http:/, true],
    ['a certificate of its own', withCode('DEPTH_ZERO_SELF_SIGNED_CERT'), /certificate/, true],
    ['nobody listening', withCode('ECONNREFUSED'), /nothing listens/, false],
    ['nobody listening, under HTTP/2', withCode('ERR_HTTP2_STREAM_CANCEL', withCode('ECONNREFUSED')), /nothing listens/, false],
    ['an unknown host', withCode('ENOTFOUND'), /host/, false],
    ['a host that cannot be looked up', withCode('EAI_AGAIN'), /host/, false],
    ['another service that does not know the call', refused('UnknownOperationException', 400), /not this service/, true],
    ['another service that answers no JSON', refused('SyntaxError', 404), /not this service/, false],
    ['another service that answers nothing', refused('Unknown', 404), /not this service/, false],
  ];
  for (const [what, error, advice, isLasting] of cases) {
    it(`knows ${what}, and says what to do`, () => {
      expect(setUpFaultOf(error)?.advice).to.match(advice);
      expect(setUpFaultOf(error)?.isLasting).to.equal(isLasting);
    });
  }

  it('looks through what an error of this package was caused by', () => {
    expect(setUpFaultOf(new Error('the store', { cause: withCode('ECONNREFUSED') }))?.advice).to.match(/nothing listens/);
    expect(setUpFaultOf(new Error('the store', { cause: new AwsFault(refused('SyntaxError', 404)) }))?.advice).to.match(/not this service/);
  });

  it('takes a garbled answer with another status for what it is', () => {
    for (const status of [200, 408, 429, 500, 502]) expect(setUpFaultOf(refused('SyntaxError', status))).to.equal(undefined);
    expect(setUpFaultOf(refused('AccessDeniedException', 400))).to.equal(undefined);
  });

  it('knows nothing of other faults, nor of what is no error, and ends with a cause that causes itself', () => {
    const own = new Error('own');
    own.cause = own;
    for (const error of [new Error('reset'), withCode('ECONNRESET'), { name: 'ThrottlingException' }, 'text', undefined, null, own])
      expect(setUpFaultOf(error)).to.equal(undefined);
  });
});
