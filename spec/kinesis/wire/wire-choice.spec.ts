import { expect } from 'chai';
import type { WireAnswer, WireCall } from '../../../lib/kinesis/wire/wire-call.js';
import { WireChoice } from '../../../lib/kinesis/wire/wire-choice.js';

/** A call of which no more is looked at than this. */
const call = (answer?: Partial<WireAnswer>, isSentInCbor = true): WireCall =>
  ({ format: 'cbor', isSentInCbor, answer: answer && { statusCode: 200, format: 'cbor', isUnderstood: true, ...answer } }) as WireCall;
const named = (name: string): Error => Object.assign(new Error(), { name });

describe('the choice of a format', () => {
  it('begins with CBOR and stays with it once a page has come', () => {
    const choice = new WireChoice();
    expect(choice.next()).to.equal('cbor');
    expect(choice.accept(call({}))).to.equal(undefined);
    expect(choice.doubt(call({ statusCode: 500, format: 'json', isUnderstood: false }), named('Unknown'))).to.equal(undefined);
    expect(choice.doubt(call({ statusCode: 400 }), named('SerializationException'))).to.equal(undefined);
    expect(choice.next()).to.equal('cbor');
  });

  it('doubts a page that cannot be read, also when others could', () => {
    const choice = new WireChoice();
    choice.accept(call({}));
    expect(choice.doubt(call({ isUnderstood: false }), named('WireError'))).to.equal('not-understood');
    choice.fallBack('not-understood');
    expect(choice.next()).to.equal('json');
  });

  it('is JSON for good when the first page comes as JSON', () => {
    const choice = new WireChoice();
    expect(choice.accept(call({ format: 'json' }))).to.equal('content-type');
    expect(choice.accept(call({ format: 'json' }))).to.equal(undefined);
    for (let i = 0; i < 50_000; i++) expect(choice.next()).to.equal('json');
  });

  it('is JSON for good when the request cannot be written as CBOR', () => {
    const choice = new WireChoice();
    expect(choice.accept(call({ format: 'json' }, false))).to.equal('not-encoded');
    expect(choice.next()).to.equal('json');
  });

  const refusals: readonly [answer: Partial<WireAnswer>, name: string][] = [
    [{ statusCode: 400 }, 'SerializationException'],
    [{ statusCode: 400, format: 'json' }, 'UnknownOperationException'],
    [{ statusCode: 404, isUnderstood: false }, 'Unknown'],
    [{ statusCode: 406, isUnderstood: false }, 'Unknown'],
    [{ statusCode: 415, isUnderstood: false }, 'Unknown'],
  ];
  for (const [answer, name] of refusals) {
    it(`is JSON for good after ${name} with ${answer.statusCode}, if that succeeds`, () => {
      const choice = new WireChoice();
      expect(choice.doubt(call(answer), named(name))).to.equal('refused');
      expect(choice.next(), 'as long as JSON has not succeeded').to.equal('cbor');
      choice.fallBack('refused');
      for (let i = 0; i < 50_000; i++) expect(choice.next()).to.equal('json');
    });
  }

  it('is JSON for a while after an answer that is not understood, each time for longer', () => {
    const choice = new WireChoice();
    const fall = (): number => {
      expect(choice.next()).to.equal('cbor');
      expect(choice.doubt(call({ statusCode: 500, format: 'json', isUnderstood: false }), named('Unknown'))).to.equal('not-understood');
      choice.fallBack('not-understood');
      let calls = 0;
      while (choice.next() === 'json') calls++;
      // One call in CBOR was taken to see that it is the turn of one.
      return calls;
    };
    const pauses = Array.from({ length: 13 }, fall);
    expect(pauses.slice(0, 3)).to.deep.equal([16, 32, 64]);
    expect(pauses.slice(-2)).to.deep.equal([16_384, 16_384]);
    choice.accept(call({}));
    expect(choice.next()).to.equal('cbor');
  });

  it('counts calls that failed together as one', () => {
    const choice = new WireChoice();
    for (let i = 0; i < 8; i++) choice.fallBack('not-understood');
    let calls = 0;
    while (choice.next() === 'json') calls++;
    expect(calls).to.equal(16);
  });

  it('does not take errors of the service for a doubt', () => {
    const choice = new WireChoice();
    for (const name of ['ProvisionedThroughputExceededException', 'ExpiredIteratorException', 'AccessDeniedException', 'InternalFailure'])
      expect(choice.doubt(call({ statusCode: name === 'InternalFailure' ? 500 : 400 }), named(name))).to.equal(undefined);
  });

  it('learns nothing from a call that was not answered, or was in JSON', () => {
    const choice = new WireChoice();
    expect(choice.doubt(call(), named('TimeoutError'))).to.equal(undefined);
    expect(choice.doubt(call({ statusCode: 404, isUnderstood: false }, false), named('Unknown'))).to.equal(undefined);
    expect(choice.accept(call())).to.equal(undefined);
    expect(choice.next()).to.equal('cbor');
  });
});
