import { concatMap, defer, filter, map, mergeMap, of, type Observable } from 'rxjs';
import { blockEncoder, decodeBlock, type EncodeBlockConfig } from '../blocks/block-codec.js';
import { blockIdIn, blockName } from '../blocks/block-name.js';
import type { BlockStore } from '../blocks/block-store.js';
import { BlockStoreError } from '../blocks/errors.js';
import { assertKnownFields, assertMethod, assertService } from '../internal/validate.js';
import { writesTo } from '../internal/write-queue.js';
import { InvalidConfigError } from '../values/errors.js';
import { s3Requests, type S3ClientLike } from './s3-requests.js';

/** Where {@link s3Blocks} keeps blocks. */
export interface S3BlocksConfig extends EncodeBlockConfig {
  /** An `S3Client` of `@aws-sdk/client-s3`, with your region, credentials, retries and time-outs. */
  readonly client: S3ClientLike;
  /** The bucket. It must exist. */
  readonly bucket: string;
  /**
   * The beginning of the keys: at most 100 of the characters `A-Z a-z 0-9 / - _ .`. Give each application its own prefix: an application
   * deletes blocks that it does not know, since it takes them for left-over ones. @defaultValue 'rx-kinesis/blocks/'
   */
  readonly prefix?: string | undefined;
}

/**
 * Keeps blocks in a bucket of S3, or of any service with its API: a replica that outlives the machine.
 *
 * @remarks
 * Writes one object a block, in one request, so a block is there as a whole or not at all. `put` completes when the service has
 * acknowledged it. The `put` and `delete` calls of one block wait for each other, also those of two stores with one client, and
 * unsubscribing does not cancel one that has begun; it aborts a `get` or `list`. A call hangs when its caller and one that waited for it
 * have unsubscribed: then a `put` is aborted, and what comes after a `delete` errors until that ends. The client retries requests as it is
 * configured. The objects of a process that never restarts stay until an application with the same prefix reads the same shard and deletes
 * them: add a lifecycle rule for the prefix, longer than the stream's retention. Buffers one block a call.
 *
 * Errors: `BlockStoreError` with `fault: 'failed'`, retriable for throttling, 5xx, faults of the connection and answers that are cut short,
 * and with `fault: 'timeout'`, retriable, when a time limit of the client has ended the call, and while an earlier `delete` of the block
 * hangs; `InvalidValueError` from `put` for a block whose records do not match its ranges, and from `get` for an object that is torn, changed
 * or another block's: such a block is lost, but `get` never emits a wrong one.
 *
 * @throws InvalidConfigError when called with a malformed config, or with `compress` on a platform without `CompressionStream`.
 *
 * @example
 * ```ts
 * const replica = s3Blocks({ client: new S3Client({}), bucket: 'flights-blocks', prefix: 'flights-app/' });
 * ```
 */
export function s3Blocks(config: S3BlocksConfig): BlockStore {
  assertKnownFields(config, { client: true, bucket: true, prefix: true, compress: true });
  const { client, bucket, prefix = 'rx-kinesis/blocks/', compress = false } = config;
  assertMethod('client', client, 'send');
  assertService('client', client, 'S3');
  assertBucket(bucket);
  assertPrefix(prefix);
  const requests = s3Requests(client, bucket);
  const encode = blockEncoder({ compress });
  const keyOf = (id: string): string => prefix + blockName(id);
  const inTurn = turnsOf(client, `${bucket}/${prefix}`);

  return {
    put: (block) =>
      defer(() => {
        const key = keyOf(block.id);
        return inTurn('put', block.id, encode(block).pipe(mergeMap((bytes) => requests.put(key, bytes))));
      }),
    get: (id) => defer(() => requests.get(keyOf(id)).pipe(concatMap((bytes) => (bytes ? decodeBlock(bytes, id) : of(undefined))))),
    delete: (id) => defer(() => inTurn('delete', id, requests.delete(keyOf(id)))),
    list: () =>
      requests.list(prefix).pipe(
        map((key) => blockIdIn(key.slice(prefix.length))),
        // Ignores objects that this store has not written.
        filter((id) => id !== undefined),
      ),
  };
}

/** Lets the writes of one block wait for each other. */
function turnsOf(client: S3ClientLike, place: string) {
  const writes = writesTo(client);
  return (action: 'put' | 'delete', id: string, work: Observable<never>): Observable<never> =>
    writes.run({
      key: place + id,
      name: `the ${action} of ${id}`,
      work,
      // All puts of a block write the same; after a delete, one only takes space. A delete would lose what was put after it.
      mayComeLate: action === 'put',
      refusal: (before) => new BlockStoreError(`${action}: S3 has not answered ${before}`, { fault: 'timeout', retriable: true }),
    });
}

function assertBucket(bucket: unknown): void {
  if (typeof bucket !== 'string' || bucket === '') throw new InvalidConfigError('bucket: expected its name');
}

function assertPrefix(prefix: unknown): void {
  const isPlain = typeof prefix === 'string' && /^[A-Za-z0-9/_.-]{0,100}$/.test(prefix) && !/(^|\/)\.{0,2}(\/)/.test(prefix);
  if (!isPlain) throw new InvalidConfigError('prefix: expected at most 100 letters, digits and / - _ . without empty or dotted parts');
}
