import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { readdir } from 'node:fs/promises';
import { from } from 'rxjs';
import { encodeBlockSync } from '../../lib/blocks/block-codec.js';
import type { BlockStore } from '../../lib/blocks/block-store.js';
import { isBlockStoreError } from '../../lib/blocks/errors.js';
import { rawErrorOf } from '../../lib/internal/aws-fault.js';
import { s3Blocks, type S3BlocksConfig, type S3ClientLike } from '../../lib/s3/index.js';
import { block, record } from '../../lib/testing/index.js';
import { isInvalidConfig, isInvalidValue } from '../../lib/values/errors.js';
import { answerOf, blockStoreContract, HOSTILE_IDS, idsIn } from '../support/block-store-contract.js';
import { errorOf } from '../support/checkpoint-store-contract.js';
import { canaries, canariesIn, shownBy } from '../support/canaries.js';
import { startS3, type S3Service } from '../support/s3-service.js';

describe('s3Blocks', () => {
  let service: S3Service;
  let client: S3Client;
  let count = 0;

  before(async function () {
    this.timeout(30_000);
    service = await startS3();
    client = service.client();
  });
  after(() => service.stop());

  const storeOf = (config: Partial<S3BlocksConfig> = {}) =>
    s3Blocks({ client, bucket: service.bucket, prefix: `app-${++count}/`, ...config });

  describe('on s3rver', () => blockStoreContract(() => storeOf()));

  describe('on s3rver, with compression', () => blockStoreContract(() => storeOf({ compress: true })));

  it('keeps one object a block, under its prefix', async () => {
    const one = block(record(1, { streamName: '..up' }));
    await answerOf(storeOf({ prefix: 'flights-app/blocks/' }).put(one));
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: service.bucket, Prefix: 'flights-app/' }));
    expect(Contents!.map(({ Key }) => Key)).to.deep.equal(['flights-app/blocks/!2e.up!2fshardId-000000000000!2f1-1!2f1']);
    const { Body } = await client.send(new GetObjectCommand({ Bucket: service.bucket, Key: Contents![0]!.Key }));
    expect(await Body!.transformToByteArray()).to.deep.equal(encodeBlockSync(one));
  });

  it('writes nothing outside its bucket, whatever the names', async () => {
    const store = storeOf();
    // Those that Kinesis cannot have are refused; the others are only names.
    for (const name of HOSTILE_IDS) await answerOf(store.put(block(record(1, { streamName: name, shardId: name })))).catch(() => undefined);
    expect(await idsIn(store)).to.have.length(3);
    expect(await readdir(service.directory)).to.deep.equal([service.bucket]);
  });

  it('keeps applications with different prefixes apart', async () => {
    const [a, b] = [storeOf(), storeOf()];
    await answerOf(a.put(block(1)));
    expect(await idsIn(b)).to.deep.equal([]);
    expect(await answerOf(b.get(block(1).id))).to.equal(undefined);
    await answerOf(b.delete(block(1).id));
    expect(await idsIn(a)).to.deep.equal([block(1).id]);
  });

  it('lists page after page', async () => {
    const pages = [1, 2, 3].map((n) => ({
      Contents: [{ Key: `p/stream!2fshard!2f${n}-${n}!2f1` }, { Key: 'p/%foreign' }, {}],
      IsTruncated: n < 3,
      NextContinuationToken: n < 3 ? `token ${n}` : undefined,
    }));
    const asked: unknown[] = [];
    const paged: S3ClientLike = {
      send: async (command) => {
        asked.push((command as ListObjectsV2Command).input.ContinuationToken);
        return pages[asked.length - 1];
      },
    };
    const ids = await idsIn(s3Blocks({ client: paged, bucket: 'b', prefix: 'p/' }));
    expect(ids).to.deep.equal(['stream/shard/1-1/1', 'stream/shard/2-2/1', 'stream/shard/3-3/1']);
    expect(asked).to.deep.equal([undefined, 'token 1', 'token 2']);
  });

  const endless: Readonly<Record<string, readonly (string | undefined)[]>> = {
    'gives its token again': ['a', 'a'],
    'gives an earlier token again': ['a', 'b', 'a'],
    'has more pages and no token': [undefined],
  };
  for (const [name, tokens] of Object.entries(endless)) {
    it(`errors, and does not list for ever or in part, when the service ${name}`, async () => {
      let calls = 0;
      const paged: S3ClientLike = { send: async () => ({ IsTruncated: true, NextContinuationToken: tokens[calls++ % tokens.length] }) };
      const error = await errorOf(idsIn(s3Blocks({ client: paged, bucket: 'b', prefix: 'p/' })));
      expect(error).to.satisfy(isBlockStoreError).and.include({ fault: 'failed', retriable: true });
      expect(calls).to.equal(tokens.length);
    });
  }

  it('lists nothing outside its prefix, whatever the service answers', async () => {
    const loose: S3ClientLike = { send: async () => ({ Contents: [{ Key: 'q/stream!2fshard!2f1-1!2f1' }] }) };
    expect(await idsIn(s3Blocks({ client: loose, bucket: 'b', prefix: 'p/' }))).to.deep.equal([]);
  });

  describe('an object that somebody else wrote', () => {
    const one = block(1, 2);
    const bodies: Readonly<Record<string, Uint8Array>> = {
      'that is empty': new Uint8Array(),
      'of another block': encodeBlockSync(block(3)),
      'that is cut': encodeBlockSync(one).subarray(0, -1),
    };
    for (const [name, Body] of Object.entries(bodies)) {
      it(`${name} is no block`, async () => {
        const Key = `odd-${++count}/stream!2fshardId-000000000000!2f1-2!2f2`;
        await client.send(new PutObjectCommand({ Bucket: service.bucket, Key, Body }));
        const store = storeOf({ prefix: `odd-${count}/` });
        expect(await idsIn(store)).to.deep.equal([one.id]);
        expect(await errorOf(answerOf(store.get(one.id)))).to.satisfy(isInvalidValue);
      });
    }
  });

  it('calls a bucket that does not exist an error, and not an empty one', async () => {
    const store = storeOf({ bucket: 'nowhere' });
    for (const call of [store.get('x'), store.put(block(1)), store.list()]) {
      const error = await errorOf(answerOf<unknown>(call));
      expect(error).to.satisfy(isBlockStoreError);
      expect(error).to.include({ fault: 'failed', retriable: false });
      expect((error as Error).message).to.include('NoSuchBucket');
    }
  });

  describe('a service that refuses', () => {
    const refusals: readonly [name: string, status: number | undefined, retriable: boolean, fault?: string, code?: string][] = [
      ['SlowDown', 503, true],
      ['InternalError', 500, true],
      ['RequestTimeout', 400, true],
      // A time limit of the SDK's own handler.
      ['TimeoutError', undefined, true, 'timeout'],
      ['TimeoutError', undefined, true, 'timeout', 'ETIMEDOUT'],
      ['TimeoutError', undefined, true, 'failed', 'ECONNRESET'],
      ['TimeoutError', undefined, true, 'failed', 'EPIPE'],
      ['AccessDenied', 403, false],
      ['CredentialsProviderError', undefined, true],
      ['InvalidBucketName', 400, false],
    ];
    for (const [name, httpStatusCode, retriable, fault = 'failed', code = ''] of refusals) {
      it(`${retriable ? 'may' : 'need not'} be asked again after ${name}${code && ` (${code})`}: ${fault}`, async () => {
        const refusing: S3ClientLike = {
          send: () =>
            Promise.reject(
              Object.assign(new Error('private text'), {
                name,
                ...(httpStatusCode && { $metadata: { httpStatusCode } }),
                ...(code && { code }),
              }),
            ),
        };
        const store = s3Blocks({ client: refusing, bucket: 'b' });
        for (const call of [store.put(block(1)), store.get('x'), store.delete('x'), store.list()]) {
          const error = await errorOf(answerOf<unknown>(call));
          expect(error).to.satisfy(isBlockStoreError);
          expect(error).to.include({ fault, retriable });
          expect((error as Error).message)
            .to.include(name)
            .and.not.include('private text');
        }
      });
    }

    it('by throwing: nothing of what it throws is shown but its name', async () => {
      const thrown = Object.assign(new Error(canaries.sessionToken), { name: 'SignatureError', $response: { body: canaries.payload } });
      const throwing: S3ClientLike = {
        send: () => {
          throw thrown;
        },
      };
      const store = s3Blocks({ client: throwing, bucket: 'b' });
      for (const call of [store.put(block(1)), store.get('x'), store.delete('x'), store.list()]) {
        const error = await errorOf(answerOf<unknown>(call));
        expect(error).to.satisfy(isBlockStoreError);
        expect((error as Error).message).to.include('SignatureError');
        expect(canariesIn(shownBy(error))).to.deep.equal([]);
        expect(rawErrorOf(error)).to.equal(thrown);
      }
    });

    it('in the middle of an object is an error that passes', async () => {
      const Body = { transformToByteArray: () => Promise.reject(new Error('aborted')) };
      const store = s3Blocks({ client: { send: async () => ({ Body }) }, bucket: 'b' });
      expect(await errorOf(answerOf(store.get('x')))).to.include({ code: 'BLOCK_STORE', retriable: true });
    });

    for (const [what, given, announced, passes] of [
      ['shorter than it says', -1, 0, true],
      ['without a body, which it says that it has', undefined, 0, true],
      ['as long as it says, and damaged', -1, -1, false],
      ['damaged, and does not say how long it is', -1, undefined, false],
    ] as const)
      it(`with an answer that is ${what} is ${passes ? 'an error that passes' : 'the loss of the block'}`, async () => {
        const bytes = encodeBlockSync(block(1));
        const Body = given !== undefined && { transformToByteArray: async () => bytes.subarray(0, given) };
        const ContentLength = announced !== undefined && bytes.byteLength + announced;
        const short: S3ClientLike = { send: async () => ({ ...(Body && { Body }), ...(ContentLength && { ContentLength }) }) };
        const error = await errorOf(answerOf(s3Blocks({ client: short, bucket: 'b' }).get(block(1).id)));
        expect(error).to.satisfy(passes ? isBlockStoreError : isInvalidValue);
        expect(error).to.have.property('retriable', passes);
      });
  });

  it('aborts a get that is unsubscribed, and lets a put that has begun go on', () => {
    const signals: AbortSignal[] = [];
    const pending: S3ClientLike = {
      send: (_command, options) => {
        signals.push(options!.abortSignal!);
        return new Promise(() => undefined);
      },
    };
    const store = s3Blocks({ client: pending, bucket: 'b' });
    from(store.get('x')).subscribe().unsubscribe();
    from(store.put(block(1)))
      .subscribe()
      .unsubscribe();
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, false]);
  });

  /** A client whose requests the test ends, what it is sent, and the signals. */
  function pending() {
    const sent: object[] = [];
    const ends: (() => void)[] = [];
    const signals: AbortSignal[] = [];
    const deaf: S3ClientLike = {
      send: (command, options) => {
        sent.push(command);
        signals.push(options!.abortSignal!);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
    };
    return { sent, ends, signals, client: deaf };
  }

  for (const [name, deleting] of [
    ['', (_client, store) => store],
    [', also by another store with this client', (own) => s3Blocks({ client: own, bucket: 'b' })],
  ] as readonly [name: string, deleting: (client: S3ClientLike, store: BlockStore) => BlockStore][]) {
    it(`deletes a block only when its put has ended${name}`, async () => {
      const { sent, ends, client: own } = pending();
      const store = s3Blocks({ client: own, bucket: 'b' });
      from(store.put(block(1)))
        .subscribe()
        .unsubscribe();
      from(deleting(own, store).delete(block(1).id)).subscribe();
      expect(sent).to.have.length(1);
      ends[0]!();
      await new Promise(setImmediate);
      expect(sent[1]).to.be.an.instanceOf(DeleteObjectCommand);
    });
  }

  it('aborts a put that is never answered when a call behind it is given up too, and makes the next one', async () => {
    const { sent, ends, signals, client: own } = pending();
    const store = s3Blocks({ client: own, bucket: 'b' });
    const one = block(1);
    // As after their time limits.
    for (const call of [store.put(one), store.put(one)]) from(call).subscribe().unsubscribe();
    const put = answerOf(store.put(one));
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, false]);
    ends[1]!();
    await put;
    expect(sent).to.have.length(2);
  });

  it('says of a call behind a delete that is never answered which that is, and makes calls again once it is answered', async () => {
    const { sent, ends, signals, client: own } = pending();
    const store = s3Blocks({ client: own, bucket: 'b' });
    const one = block(1);
    for (const call of [store.delete(one.id), store.put(one)]) from(call).subscribe().unsubscribe();
    const error = await errorOf(answerOf(store.put(one)));
    expect(error).to.satisfy(isBlockStoreError).and.include({ fault: 'timeout', retriable: true });
    expect((error as Error).message).to.include(`has not answered the delete of ${one.id}`);
    expect([sent.length, signals[0]!.aborted]).to.deep.equal([1, false]);
    ends[0]!();
    await new Promise(setImmediate);
    const put = answerOf(store.put(one));
    ends[1]!();
    await put;
  });

  describe('refuses, when called,', () => {
    const good = { client: { send: () => Promise.resolve() }, bucket: 'b' };
    const cases: Readonly<Record<string, readonly [config: object, message: RegExp]>> = {
      'a client that is none': [{ client: {} }, /client/],
      'no bucket': [{ bucket: '' }, /bucket/],
      'a misspelt option': [{ buckett: 'b' }, /buckett/],
      'a prefix that leads elsewhere': [{ prefix: '../' }, /prefix/],
      'a prefix with an empty part': [{ prefix: 'a//' }, /prefix/],
      'a prefix with odd characters': [{ prefix: 'a b/' }, /prefix/],
      'a long prefix': [{ prefix: 'a'.repeat(101) }, /prefix/],
    };
    for (const [name, [config, message]] of Object.entries(cases)) {
      it(name, () => {
        expect(() => s3Blocks({ ...good, ...config }))
          .to.throw(message)
          .that.satisfies(isInvalidConfig);
      });
    }
  });
});
