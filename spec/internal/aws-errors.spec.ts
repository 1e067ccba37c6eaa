import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { GetRecordsCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { faultKind, nameOf, type FaultKind } from '../../lib/internal/aws-errors.js';
import { answering, refusal, type HttpAnswer } from '../support/answering-handler.js';

const NONE = {};

const services = {
  Kinesis: (answer: HttpAnswer) => new KinesisClient(answering(answer)).send(new GetRecordsCommand({ ShardIterator: 'i' })),
  DynamoDB: (answer: HttpAnswer) => new DynamoDBClient(answering(answer)).send(new GetItemCommand({ TableName: 't', Key: {} })),
};

async function errorOf(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => expect.fail('the SDK took this for an answer'),
    (error: unknown) => error as Error,
  );
}

function fault(name: string, fields: object = {}): Error {
  return Object.assign(new Error(name), { name }, fields);
}

const broken = Object.assign(new Error('aborted'), { code: 'ECONNRESET' });

describe('faultKind', () => {
  for (const [service, ask] of Object.entries(services)) {
    describe(`of an error of ${service} that the SDK parsed`, () => {
      const answers: readonly (readonly [what: string, answer: HttpAnswer, kind: FaultKind])[] = [
        // "Retry behavior", AWS SDKs and Tools Reference Guide: all SDKs retry these, whatever the service.
        ['RequestTimeout with status 400', refusal('RequestTimeout', 400), 'transient'],
        ['RequestTimeoutException with status 400', refusal('RequestTimeoutException', 400), 'transient'],
        ['RequestThrottled with status 400', refusal('RequestThrottled', 400), 'throttling'],
        ['RequestThrottledException with status 400', refusal('RequestThrottledException', 400), 'throttling'],
        ['ThrottledException with status 400', refusal('ThrottledException', 400), 'throttling'],
        ['Throttling with status 400', refusal('Throttling', 400), 'throttling'],
        ['TooManyRequestsException with status 400', refusal('TooManyRequestsException', 400), 'throttling'],
        ['an unknown name with status 429', refusal('SomethingNewException', 429), 'throttling'],
        ['an unknown name with status 400', refusal('SomethingNewException', 400), 'fatal'],
        ['an unknown name with status 403', refusal('SomethingNewException', 403), 'fatal'],
        ['an unknown name with status 500', refusal('SomethingNewException', 500), 'transient'],
        ['an unknown name with status 503', refusal('SomethingNewException', 503), 'transient'],
        ['the name of a property of every object', refusal('toString', 503), 'transient'],
        // No verdict of the service.
        ['a page of HTML with status 403', { status: 403, body: ['<html>'] }, 'transient'],
        ['a page of HTML with status 502', { status: 502, body: ['<html>'] }, 'transient'],
        ['a refusal that is cut off', { status: 400, body: ['{"__type":"com.amazonaws#Validat'] }, 'transient'],
        ['a refusal without a body', { status: 400, body: [] }, 'transient'],
        ['a refusal without a name', { status: 403, body: ['{"message":"no"}'] }, 'transient'],
        ['a refusal that is null', { status: 400, body: ['null'] }, 'transient'],
        ['a refusal whose connection breaks', { status: 400, body: ['{"__type":'], brokenBy: broken }, 'transient'],
        ['an answer that is cut off', { status: 200, body: ['{"Records":[{'] }, 'transient'],
        ['an answer that is garbled', { status: 200, body: ['\u0000\u0001'] }, 'transient'],
        ['an answer whose connection breaks', { status: 200, body: ['{"Rec'], brokenBy: broken }, 'transient'],
      ];
      for (const [what, answer, kind] of answers) {
        it(`takes ${what} for ${kind}`, async () => {
          expect(faultKind(await errorOf(ask(answer)), NONE)).to.equal(kind);
        });
      }
    });
  }

  it('takes a fault before the service answered for one that passes', () => {
    const unanswered = [
      fault('TimeoutError'),
      fault('AbortError'),
      fault('Error', { code: 'ECONNRESET' }),
      fault('Error', { code: 'ENOTFOUND' }),
      new TypeError('Failed to fetch'),
      fault('SomethingNewError'),
    ];
    for (const error of unanswered) expect(faultKind(error, NONE), String(error)).to.equal('transient');
  });

  it('goes by the name also without a status, as a double of the client may raise it', () => {
    expect(faultKind(fault('AccessDeniedException'), NONE)).to.equal('fatal');
    expect(faultKind(fault('ThrottlingException'), NONE)).to.equal('throttling');
    expect(faultKind(fault('SomethingNewException', { $fault: 'client' }), NONE)).to.equal('fatal');
    expect(faultKind(fault('SomethingNewException', { $fault: 'server' }), NONE)).to.equal('transient');
    expect(faultKind(fault('SomethingNewException', { $metadata: { httpStatusCode: 404 } }), NONE)).to.equal('fatal');
  });

  it('takes a client that gets no credentials for passing: its provider may fail once', async () => {
    const credentials = () => Promise.reject(fault('CredentialsProviderError'));
    const client = new KinesisClient({ ...answering(refusal('unused', 500)), credentials });
    expect(faultKind(await errorOf(client.send(new GetRecordsCommand({ ShardIterator: 'i' }))), NONE)).to.equal('transient');
    for (const name of ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired'])
      expect(faultKind(fault(name, { $fault: 'client', $metadata: { httpStatusCode: 400 } }), NONE)).to.equal('transient');
  });

  it("believes the mark of the service's model", () => {
    const refused = { $fault: 'client', $metadata: { httpStatusCode: 400 } };
    expect(faultKind(fault('SomethingNewException', { ...refused, $retryable: {} }), NONE)).to.equal('transient');
    expect(faultKind(fault('SomethingNewException', { ...refused, $retryable: { throttling: true } }), NONE)).to.equal('throttling');
  });

  it('asks the particulars of the service first', () => {
    expect(faultKind(fault('LimitExceededException'), { LimitExceededException: 'fatal' })).to.equal('fatal');
    expect(faultKind(fault('SomethingNewException', { $fault: 'client' }), { SomethingNewException: 'iterator' })).to.equal('iterator');
  });

  it('does not stumble over what is no error', () => {
    for (const error of [undefined, null, 'broken', 7, { name: 7 }]) expect(faultKind(error, NONE)).to.equal('transient');
  });
});

describe('nameOf', () => {
  it('is empty for what has no name', () => {
    expect([undefined, null, 'text', { name: 7 }].map(nameOf)).to.deep.equal(['', '', '', '']);
    expect(nameOf(new TypeError())).to.equal('TypeError');
  });
});
