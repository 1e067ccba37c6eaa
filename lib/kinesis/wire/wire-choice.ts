import type { WireFallbackEvent } from '../../monitoring/events.js';
import { nameOf } from '../../internal/aws-errors.js';
import type { WireCall } from './wire-call.js';
import type { WireFormat } from './wire-format.js';

/** Why a client's pages are read as JSON. */
export type FallbackReason = WireFallbackEvent['reason'];

/** How many calls are made in JSON before CBOR is tried again: at first, and at most; the number doubles with each failure. */
const FIRST_PAUSE_CALLS = 16;
const LAST_PAUSE_CALLS = 16_384;

/** The errors with which a service refuses a request of this content type. */
const REFUSALS = /* @__PURE__ */ new Set(['SerializationException', 'UnknownOperationException']);
/** Not found, not acceptable, unsupported media type. */
const REFUSING_STATUS: readonly number[] = [404, 406, 415];

/**
 * Chooses the format of a client's calls, from what is known of its service.
 *
 * @remarks
 * After a first page in CBOR, errors are ordinary ones. Before that, and for a page that cannot be read, a failed call is repeated in JSON.
 * Only if that succeeds, JSON is chosen: for good where the service has refused CBOR, or for some calls where it may have been a fault that
 * passes.
 */
export class WireChoice {
  #isProven = false;
  #isRefused = false;
  #pause = FIRST_PAUSE_CALLS;
  #callsInJson = 0;

  /** The format of the next call. */
  next(): WireFormat {
    if (this.#isRefused) return 'json';
    if (this.#callsInJson === 0) return 'cbor';
    this.#callsInJson--;
    return 'json';
  }

  /** Notes a page. Returns a reason when CBOR was asked for, but the request or the answer was JSON. */
  accept(call: WireCall): FallbackReason | undefined {
    // Without an answer no real call was made: the client's `send` is a mock.
    if (call.format !== 'cbor' || !call.answer || this.#isProven || this.#isRefused) return undefined;
    this.#isProven = call.isSentInCbor && call.answer.format === 'cbor';
    this.#isRefused = !this.#isProven;
    if (this.#isProven) return undefined;
    return call.isSentInCbor ? 'content-type' : 'not-encoded';
  }

  /** The reason to repeat a failed call in JSON; `undefined` if there is none. */
  doubt({ isSentInCbor, answer }: WireCall, error: unknown): FallbackReason | undefined {
    if (!isSentInCbor || !answer) return undefined;
    // A complete answer that is not a page would not be one in CBOR again, also after good pages: kinesalite cuts off those above 16 KiB.
    if (answer.statusCode < 300) return 'not-understood';
    if (this.#isProven) return undefined;
    if (REFUSALS.has(nameOf(error)) || REFUSING_STATUS.includes(answer.statusCode)) return 'refused';
    return answer.isUnderstood ? undefined : 'not-understood';
  }

  /** Notes that the same call has succeeded in JSON. */
  fallBack(reason: FallbackReason): void {
    if (reason !== 'not-understood') this.#isRefused = true;
    // Calls that were under way at the same time have failed for the same reason.
    if (this.#callsInJson > 0) return;
    this.#callsInJson = this.#pause;
    this.#pause = Math.min(this.#pause * 2, LAST_PAUSE_CALLS);
  }
}
