import { expect } from 'chai';
import { inspect } from 'node:util';
import { AwsFault, rawErrorOf, reducedFault } from '../../lib/internal/aws-fault.js';
import { faultKind } from '../../lib/internal/aws-errors.js';
import { setUpFaultOf } from '../../lib/internal/set-up-fault.js';
import { InvalidConfigError, InvalidValueError } from '../../lib/values/errors.js';

const CANARY = 'CANARY-SESSION-TOKEN';

/** An error as the SDK makes them, with a canary wherever one may hang. */
function leaky(fields: object = {}): Error {
  const error = Object.assign(new Error(`The canonical request was ${CANARY}`, { cause: new Error(CANARY) }), {
    name: 'InvalidSignatureException',
    $fault: 'client',
    $metadata: { httpStatusCode: 403, requestId: 'abc-123', attempts: 3, extra: CANARY },
    Records: [{ PartitionKey: CANARY, Data: CANARY }],
    ...fields,
  });
  Object.defineProperty(error, '$response', { value: { headers: { authorization: CANARY } }, enumerable: false });
  return error;
}

describe('reducedFault', () => {
  it('keeps name, code, status and request id, by which errors are sorted', () => {
    const fault = reducedFault(leaky({ code: 'ECONNRESET' }));
    expect(fault).to.be.instanceOf(AwsFault);
    expect(fault).to.deep.include({
      name: 'InvalidSignatureException',
      code: 'ECONNRESET',
      message: 'InvalidSignatureException (ECONNRESET)',
      $fault: 'client',
      $metadata: { httpStatusCode: 403, requestId: 'abc-123', attempts: 3 },
    });
    expect(faultKind(fault, {})).to.equal('fatal');
    const throttled = { name: 'Unheard', $retryable: { throttling: true } };
    expect(faultKind(reducedFault(throttled), {})).to.equal('throttling');
    for (const error of [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), new Error('Region is missing')])
      expect(setUpFaultOf(reducedFault(error))).to.equal(setUpFaultOf(error));
  });

  it('lets nothing else through: not in its text, its stack, its fields, its JSON, nor to who inspects it', () => {
    const fault = reducedFault(leaky({ name: `${CANARY} with spaces`, code: `${CANARY}!` })) as AwsFault;
    const shown = [fault.message, fault.stack, JSON.stringify(fault), inspect(fault, { depth: 10, showHidden: true }), String(fault)];
    for (const text of shown) expect(text).not.to.include(CANARY);
    expect(fault.name).to.equal('Error');
    for (const key of Reflect.ownKeys(fault)) expect(inspect(fault[key as keyof AwsFault])).not.to.include(CANARY);
  });

  it('leaves what is reduced already as it is, so that the error as it was stays within reach', () => {
    const raw = new Error('once');
    const fault = reducedFault(raw);
    expect(reducedFault(fault)).to.equal(fault);
    expect(rawErrorOf(reducedFault(fault))).to.equal(raw);
  });

  it('leaves errors of this package as they are', () => {
    const error = new InvalidValueError('own');
    expect(reducedFault(error)).to.equal(error);
  });

  it('takes errors whose causes form a circle', () => {
    const [a, b] = [new Error('a'), new Error('b')];
    a.cause = b;
    b.cause = a;
    expect(rawErrorOf(reducedFault(a))).to.equal(a);
    expect((reducedFault(a) as AwsFault).cause).to.be.instanceOf(AwsFault);
  });

  it('takes what is no error', () => {
    for (const thrown of [undefined, null, 'text', 7]) expect(reducedFault(thrown)).to.include({ name: 'Error', message: 'Error' });
  });
});

describe('rawErrorOf', () => {
  it('gives the error as it was, also behind one of this package', () => {
    const raw = leaky();
    const fault = reducedFault(raw);
    expect(rawErrorOf(fault)).to.equal(raw);
    expect(rawErrorOf(new InvalidConfigError('outer', { cause: fault }))).to.equal(raw);
  });

  it('gives nothing where there is none', () => {
    const own = new Error('own');
    own.cause = own;
    for (const error of [own, undefined, null, 'text', new InvalidValueError('own')]) expect(rawErrorOf(error)).to.equal(undefined);
  });
});
