import type { IncomingHttpHeaders } from 'node:http';

/** An answer of a service. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How an answer can be spoilt on its way. */
export type Garbling =
  /** Some of its bytes are others. */
  | 'flipped'
  /** Something on the way answers with a page for people: as a failure, or as if all was well. */
  | 'html 200'
  | 'html 502'
  /** Its headers say less than there is, and another type. */
  | 'headers'
  /** Status and headers are there, and nothing else. */
  | 'empty';

/**
 * Spoils an answer so that it cannot be read.
 *
 * @remarks
 * One that still parses and says something else cannot be told from a true one by anybody: neither protocol has a checksum that the SDK
 * would look at. So none of these parses, except an empty one, which the SDK takes for an object without fields.
 */
export function garble(reply: Reply, how: Garbling): Reply {
  const { status, headers, body } = reply;
  switch (how) {
    case 'flipped':
      return { status, headers, body: flipped(body) };
    case 'html 200':
      return page(200);
    case 'html 502':
      return page(502);
    case 'headers': {
      const half = body.subarray(0, Math.floor(body.length / 2));
      return { status, headers: { ...headers, 'content-type': 'text/plain', 'content-length': String(half.length) }, body: half };
    }
    case 'empty':
      return { status, headers: { ...headers, 'content-length': '0' }, body: Buffer.alloc(0) };
  }
}

/** Neither JSON nor CBOR begins with this byte, which CBOR has no meaning for. */
const NO_BEGINNING = 0xfd;

function flipped(body: Buffer): Buffer {
  const spoilt = Buffer.from(body);
  for (let at = 7; at < spoilt.length; at += 97) spoilt[at]! ^= 0x55;
  if (spoilt.length > 0) spoilt[0] = NO_BEGINNING;
  return spoilt;
}

function page(status: number): Reply {
  const body = Buffer.from(`<html><head><title>${status}</title></head><body><h1>The page cannot be shown</h1></body></html>`);
  return { status, headers: { 'content-type': 'text/html', 'content-length': String(body.length) }, body };
}
