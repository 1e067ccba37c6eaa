import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type GetObjectCommandOutput,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  expand,
  filter,
  ignoreElements,
  map,
  of,
  throwError,
  type MonoTypeOperatorFunction,
  type Observable,
} from 'rxjs';
import { BlockStoreError } from '../blocks/errors.js';
import { faultKind, nameOf, type FaultKinds } from '../internal/aws-errors.js';
import { fromAbortable } from '../internal/fromAbortable.js';
import { isRxKinesisError } from '../values/errors.js';

/** The part of an `S3Client` of `@aws-sdk/client-s3` that is used, by its shape, so that any 3.x version will do. */
export interface S3ClientLike {
  /** Sends one command; `abortSignal` aborts the request. */
  send(command: object, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>;
}

/**
 * The requests of the store, as cold Observables: each subscription is one request (the list makes one for each page), unsubscribing
 * aborts it. This is the only place that knows the SDK.
 */
export interface S3Requests {
  put(key: string, body: Uint8Array): Observable<never>;
  /** Emits `undefined` when there is no such object. */
  get(key: string): Observable<Uint8Array | undefined>;
  delete(key: string): Observable<never>;
  /** Emits the keys that begin with `prefix`. */
  list(prefix: string): Observable<string>;
}

/** Makes the requests through the user's client. */
export function s3Requests(client: S3ClientLike, Bucket: string): S3Requests {
  const send = <T>(command: object) => fromAbortable((abortSignal) => client.send(command, { abortSignal }) as Promise<T>);
  const page = (Prefix: string, ContinuationToken?: string) =>
    send<ListObjectsV2CommandOutput>(new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken }));

  return {
    put: (Key, Body) => send(new PutObjectCommand({ Bucket, Key, Body })).pipe(ignoreElements(), failedTo('store')),
    get: (Key) =>
      // One call reads the answer and its body, so that unsubscribing aborts both.
      fromAbortable(async (abortSignal) =>
        wholeBody((await client.send(new GetObjectCommand({ Bucket, Key }), { abortSignal })) as GetObjectCommandOutput),
      ).pipe(
        catchError((error: unknown) => (nameOf(error) === 'NoSuchKey' ? of(undefined) : throwError(() => error))),
        failedTo('read'),
      ),
    delete: (Key) => send(new DeleteObjectCommand({ Bucket, Key })).pipe(ignoreElements(), failedTo('delete')),
    list: (prefix) =>
      defer(() => {
        const asked = new Set<string>();
        return page(prefix).pipe(expand((last) => (last.IsTruncated ? page(prefix, nextToken(last, asked)) : EMPTY)));
      }).pipe(
        concatMap(({ Contents }) => Contents ?? []),
        map(({ Key }) => Key ?? ''),
        filter((key) => key.startsWith(prefix)),
        failedTo('list'),
      ),
  };
}

/** Reads the body of an answer. One that was cut off on its way is no damaged object: it may come whole the next time. */
async function wholeBody({ Body, ContentLength = 0 }: GetObjectCommandOutput): Promise<Uint8Array | undefined> {
  const bytes = await Body?.transformToByteArray();
  const length = bytes?.byteLength ?? 0;
  if (length >= ContentLength) return bytes;
  const message = `S3 could not read blocks: an answer of ${ContentLength} bytes came with ${length}`;
  throw new BlockStoreError(message, { fault: 'failed', retriable: true });
}

/** The token of the next page. A service that has none, or gives one twice, would end the list too early, or never. */
function nextToken({ NextContinuationToken: token }: ListObjectsV2CommandOutput, asked: Set<string>): string {
  if (!token || asked.has(token)) {
    const fault = token ? 'a token that it gave before' : 'no token';
    throw new BlockStoreError(`S3 could not list blocks: a page with more to follow has ${fault}`, { fault: 'failed', retriable: true });
  }
  asked.add(token);
  return token;
}

function failedTo<T>(action: string): MonoTypeOperatorFunction<T> {
  return catchError((error: unknown) => throwError(() => storeError(action, error)));
}

/** Makes the error of the store: its message has only the name of the SDK's error, the reduced error is the `cause`. */
function storeError(action: string, cause: unknown): Error {
  if (isRxKinesisError(cause)) return cause;
  const fault = isTimeout(cause) ? 'timeout' : 'failed';
  const fields = { fault, retriable: faultKind(cause, S3_FAULTS) !== 'fatal', cause } as const;
  return new BlockStoreError(`S3 could not ${action} blocks: ${nameOf(cause) || 'unknown error'}`, fields);
}

/** Whether a time limit of the client has ended the call. The SDK gives its name also to connections that were reset, which takes no time. */
function isTimeout(cause: unknown): boolean {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return nameOf(cause) === 'TimeoutError' && code !== 'ECONNRESET' && code !== 'EPIPE';
}

/** Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const S3_FAULTS: FaultKinds = {
  AccessDenied: 'fatal',
  InvalidAccessKeyId: 'fatal',
  InvalidBucketName: 'fatal',
  NoSuchBucket: 'fatal',
  RequestTimeTooSkewed: 'transient',
  SignatureDoesNotMatch: 'fatal',
  SlowDown: 'throttling',
};
