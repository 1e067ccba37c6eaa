import { expect } from 'chai';
import sinon from 'sinon';
import { resolveWire } from '../../../lib/kinesis/wire/wire-config.js';
import { isInvalidConfig } from '../../../lib/values/errors.js';
import { thrownBy } from '../../support/thrown-by.js';

describe('the configuration of the wire', () => {
  const before = process.env['AWS_CBOR_DISABLE'];
  beforeEach(() => delete process.env['AWS_CBOR_DISABLE']);
  afterEach(() => {
    sinon.restore();
    if (before === undefined) delete process.env['AWS_CBOR_DISABLE'];
    else process.env['AWS_CBOR_DISABLE'] = before;
  });

  it('is CBOR and slabs by default', () => {
    expect(resolveWire({})).to.deep.equal({ wire: 'cbor', payloads: 'slabs' });
  });

  it('is what it says', () => {
    for (const wire of ['cbor', 'json', 'sdk'] as const) expect(resolveWire({ wire }).wire).to.equal(wire);
    for (const payloads of ['copies', 'slabs', 'views'] as const) expect(resolveWire({ payloads }).payloads).to.equal(payloads);
  });

  for (const [value, wire] of [
    ['true', 'json'],
    ['1', 'json'],
    ['TRUE', 'json'],
    ['', 'cbor'],
    ['0', 'cbor'],
    ['false', 'cbor'],
  ] as const) {
    it(`is ${wire} where the environment has AWS_CBOR_DISABLE=${value}, unless it says otherwise`, () => {
      process.env['AWS_CBOR_DISABLE'] = value;
      expect(resolveWire({}).wire).to.equal(wire);
      expect(resolveWire({ wire: 'cbor' }).wire).to.equal('cbor');
    });
  }

  it('is JSON in a browser, which has neither Buffer nor process', () => {
    sinon.stub(globalThis, 'Buffer').value(undefined);
    sinon.stub(globalThis, 'process').value(undefined);
    const { wire } = resolveWire({});
    sinon.restore();
    expect(wire).to.equal('json');
  });

  it('does not mind an environment that may not be seen', () => {
    const env = new Proxy({}, { get: () => expect.fail('NotCapable') });
    sinon.stub(globalThis, 'process').value({ env });
    const { wire } = resolveWire({});
    sinon.restore();
    expect(wire).to.equal('cbor');
  });

  it('refuses to place payloads where the SDK does', () => {
    expect(thrownBy(() => resolveWire({ wire: 'sdk', payloads: 'views' }))).to.satisfy(isInvalidConfig);
    expect(resolveWire({ wire: 'sdk' }).wire).to.equal('sdk');
  });

  it('refuses other words', () => {
    for (const config of [{ wire: 'xml' }, { wire: null }, { payloads: 'slab' }, { payloads: null }]) {
      const error = thrownBy(() => resolveWire(config as never));
      expect(error).to.satisfy(isInvalidConfig);
      expect((error as Error).message).to.match(
        /^(wire: expected 'cbor', 'json' or 'sdk'|payloads: expected 'copies', 'slabs' or 'views'), got /,
      );
    }
  });
});
