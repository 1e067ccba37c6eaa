import { canaries, canaryPayload } from './canaries.js';
import { json, pageOf, type Sabotage, type SeenRequest } from './hostile-services.js';

/** Ways of answering a request that give away what was in it, or what is in the stream. None of them answers it. */
export const sabotages: Readonly<Record<string, Sabotage>> = {
  'is refused in a text that quotes the signed request': (request, response) =>
    json(response, 403, { __type: 'InvalidSignatureException', message: `The Canonical String should have been '${textOf(request)}'` }),
  'is refused for good in a text that quotes records': (_, response) =>
    json(response, 400, { __type: 'ValidationException', message: JSON.stringify(pageOf('2')), ...pageOf('2') }),
  'is refused for now in a text that quotes the request': (request, response) =>
    json(response, 400, { __type: 'ProvisionedThroughputExceededException', message: textOf(request), Message: textOf(request) }),
  'fails with an answer inside of the error': (request, response) =>
    json(response, 500, { __type: 'InternalFailure', message: textOf(request), ...pageOf('2'), request: textOf(request) }),
  'fails in a page of a gateway that quotes the request': (request, response) =>
    json(response, 502, `<html><body>${textOf(request)}</body></html>`, { 'content-type': 'text/html' }),
  'is refused under a name that is a text': (request, response) =>
    json(response, 400, { __type: `Refused ${textOf(request)}`, message: 'no' }),
  'is refused under a name of a megabyte': (_, response) =>
    json(response, 400, { __type: canaries.sessionToken.slice(0, 18).repeat(50_000), message: 'no' }),
  'is refused under a name of every object': (_, response) => json(response, 400, { __type: '__proto__', message: canaries.payload }),
  'is refused with canaries in its headers': (_, response) =>
    json(
      response,
      400,
      {},
      { 'x-amzn-errortype': canaries.sessionToken, 'x-amzn-requestid': canaries.partitionKey, 'x-amz-id-2': canaries.accessKey },
    ),
  'is sent on to an address that quotes the request': (request, response) =>
    json(response, 302, textOf(request), { location: `http://127.0.0.1/?token=${encodeURIComponent(canaries.sessionToken)}` }),
  'is answered in JSON that breaks off at a key': (_, response) =>
    json(response, 200, `{"Records":[{"PartitionKey":${canaries.partitionKey},"Data":"${canaries.payload}"}]}`),
  'is answered by a text': (request, response) => json(response, 200, textOf(request)),
  'is answered by what is garbled': (_, response) => json(response, 200, `\u0000\ufffd${canaries.payload}{{${canaries.partitionKey}`),
  'is answered in CBOR that breaks off at a key': (_, response) => {
    const key = Buffer.from(canaries.partitionKey);
    response.writeHead(200, { 'content-type': 'application/x-amz-cbor-1.1' });
    // {_ "Records": [_ {_ "PartitionKey": "canary...", ...
    response.end(Buffer.concat([cborText('Records', 0xbf), cborText('PartitionKey', 0x9f, 0xbf), Buffer.of(0x78, key.length), key, key]));
  },
  'is cut off within its answer': (_, response) => {
    const text = JSON.stringify(pageOf('2'));
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1', 'content-length': text.length });
    response.write(text.slice(0, -20), () => response.destroy());
  },
  'is cut off before its answer': (_, response) => void response.destroy(),
  'is never answered': () => undefined,
};

/** A short text in CBOR, with some bytes before it. */
function cborText(text: string, ...before: readonly number[]): Buffer {
  return Buffer.concat([Buffer.of(...before, 0x60 + text.length), Buffer.from(text)]);
}

/** All that is known of a request, as a service may quote it: its signature, its token, its body, and what it asked for. */
function textOf({ operation, headers, body }: SeenRequest): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${String(value)}`);
  return [operation, ...lines, body, canaries.partitionKey, Buffer.from(canaryPayload).toString('base64')].join('\n');
}
