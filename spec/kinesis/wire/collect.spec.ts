import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import { collectChunks } from '../../../lib/kinesis/wire/collect.js';

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  );
const textOf = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString();

describe('collectChunks', () => {
  it('gives the chunks of a stream of Node as they came', async () => {
    const stream = new PassThrough();
    const collected = collectChunks(stream, undefined);
    for (const part of ['ab', 'c']) stream.write(part);
    stream.end('d');
    expect((await collected).map(String.bind(null))).to.have.length(3);
    expect(textOf(await collected)).to.equal('abcd');
  });

  it('takes streams of text, bytes, a text, and nothing', async () => {
    expect(textOf(await collectChunks(Readable.from(['a', 'ü']), undefined))).to.equal('aü');
    expect(textOf(await collectChunks(new TextEncoder().encode('ab'), undefined))).to.equal('ab');
    expect(textOf(await collectChunks('ab', undefined))).to.equal('ab');
    expect(await collectChunks(undefined, undefined)).to.deep.equal([]);
    expect(await collectChunks(null, undefined)).to.deep.equal([]);
  });

  it('leaves what is no stream of Node to the client', async () => {
    const body = new Blob(['ab']);
    const chunks = await collectChunks(body, async (stream) => new Uint8Array(await (stream as Blob).arrayBuffer()));
    expect(textOf(chunks)).to.equal('ab');
    expect(await rejection(collectChunks(body, undefined)))
      .to.be.an('error')
      .with.property('message', 'a body that is no stream');
  });

  it('takes an answer that has come whole at once, and ends it, so that its connection is free', async () => {
    for (const body of ['', 'ab']) {
      const answer = Object.assign(new PassThrough({ autoDestroy: false }), { complete: true });
      answer.end(body);
      const ended = new Promise((resolve) => answer.once('end', resolve));
      const before = answer.eventNames();
      const collected = collectChunks(answer, undefined, body.length);
      expect(answer.eventNames().filter((name) => !before.includes(name))).to.deep.equal(['error']);
      expect(textOf(await collected)).to.equal(body);
      await ended;
    }
    const late = Object.assign(new PassThrough(), { complete: true });
    late.destroy();
    expect(await rejection(collectChunks(late, undefined, 0))).to.include({ code: 'ECONNRESET' });
  });

  it('waits for a stream that bears the marks of an answer which it decompresses', async () => {
    const bytes = gzipSync('abc');
    for (const length of [bytes.length, undefined]) {
      const body = Object.assign(Readable.from([bytes]).pipe(createGunzip()), { complete: true });
      expect(textOf(await collectChunks(body, undefined, length))).to.equal('abc');
    }
  });

  it('fails with a stream', async () => {
    const stream = new PassThrough();
    const failed = rejection(collectChunks(stream, undefined));
    const error = new Error('reset');
    stream.destroy(error);
    expect(await failed).to.equal(error);
  });

  for (const event of ['close', 'aborted']) {
    it(`fails as a broken connection when a stream is ${event} before its end`, async () => {
      const stream = Object.assign(new EventEmitter(), { pipe: () => undefined });
      const failed = rejection(collectChunks(stream, undefined));
      stream.emit('data', Buffer.of(1));
      stream.emit(event);
      expect(await failed).to.include({ code: 'ECONNRESET' });
    });
  }

  it('fails at once when a stream is over already', async () => {
    const destroyed = new PassThrough();
    destroyed.destroy();
    expect(await rejection(collectChunks(destroyed, undefined))).to.include({ code: 'ECONNRESET' });

    const ended = Readable.from(['a']);
    await collectChunks(ended, undefined);
    expect(await rejection(collectChunks(ended, undefined))).to.include({ code: 'ECONNRESET' });
  });

  it('leaves nothing on the stream but an ear for a failure that comes late', async () => {
    const stream = new PassThrough({ autoDestroy: false, emitClose: false });
    const before = stream.eventNames();
    const collected = collectChunks(stream, undefined);
    stream.end('ab');
    await collected;
    expect(stream.eventNames().filter((name) => !before.includes(name))).to.deep.equal(['error']);
    expect(() => stream.emit('error', new Error('late'))).not.to.throw();
  });
});
