import { createHash, createHmac } from 'node:crypto';
import type { SentRequest } from './answering-client.js';

/**
 * The signature that a POST to `/` must have (AWS Signature Version 4), computed anew from the bytes and the headers that left the client.
 *
 * @param secret - the secret access key.
 */
export function signatureOf({ headers, bytes }: Pick<SentRequest, 'bytes' | 'headers'>, secret: string): string {
  const { scope, signedHeaders } = authorizationOf(headers);
  const lines = signedHeaders.map((name) => `${name}:${headers[name]!.trim()}\n`);
  const canonical = ['POST', '/', '', lines.join(''), signedHeaders.join(';'), sha256(bytes)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`));
  return hmac(key, toSign).toString('hex');
}

/** What a request says of its signature. */
export function authorizationOf(headers: SentRequest['headers']) {
  const pattern = /^AWS4-HMAC-SHA256 Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/;
  const [, scope, signedHeaders, signature] = pattern.exec(headers['authorization'] ?? '')!;
  return { scope: scope!, signedHeaders: signedHeaders!.split(';'), signature: signature! };
}

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
