import type { WireFallbackEvent } from '../../monitoring/events.js';
import { nameOf } from '../../internal/aws-errors.js';
import type { WireCall } from './wire-call.js';
import type { WireFormat } from './wire-format.js';

/** Why a client's pages are read as JSON. */
export type FallbackReason = WireFallbackEvent['reason'];

/** How many calls are made in JSON before CBOR is tried again; each time that it fails twice as many, up to the last. */
const FIRST_PAUSE_CALLS = 16;
const LAST_PAUSE_CALLS = 16_384;

/** Answers by which a service says that it does not take a request of this content type. */
const REFUSALS = /* @__PURE__ */ new Set(['SerializationException', 'UnknownOperationException']);
/** Not found, not acceptable, unsupported media type. */
const REFUSING_STATUS: readonly number[] = [404, 406, 415];

/**
 * What is known of a client's service: whether it speaks CBOR.
 *
 * @remarks
 * Once a page has come as CBOR, an error is an ordinary one. Before that, and for a page that cannot be read, a call that
 * failed is made once more in JSON, and only if that succeeds JSON is chosen: for good where the answer was plain, for some
 * calls where it may have been a fault that passes.
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

  /** Takes note of a page that came. Gives a reason when CBOR was asked for, and something is JSON. */
  accept(call: WireCall): FallbackReason | undefined {
    // Without an answer the call has not been made: the client's send is a stand-in.
    if (call.format !== 'cbor' || !call.answer || this.#isProven || this.#isRefused) return undefined;
    this.#isProven = call.isSentInCbor && call.answer.format === 'cbor';
    this.#isRefused = !this.#isProven;
    if (this.#isProven) return undefined;
    return call.isSentInCbor ? 'content-type' : 'not-encoded';
  }

  /** Whether a call that failed should be made once more in JSON, and why. */
  doubt({ isSentInCbor, answer }: WireCall, error: unknown): FallbackReason | undefined {
    if (!isSentInCbor || !answer) return undefined;
    // Whatever came before, a page that came to its end and is none would be none again: kinesalite cuts off those above 16 KiB.
    if (answer.statusCode < 300) return 'not-understood';
    if (this.#isProven) return undefined;
    if (REFUSALS.has(nameOf(error)) || REFUSING_STATUS.includes(answer.statusCode)) return 'refused';
    return answer.isUnderstood ? undefined : 'not-understood';
  }

  /** The same call has succeeded in JSON. */
  fallBack(reason: FallbackReason): void {
    if (reason !== 'not-understood') this.#isRefused = true;
    // Calls that were on their way together have failed of one cause.
    if (this.#callsInJson > 0) return;
    this.#callsInJson = this.#pause;
    this.#pause = Math.min(this.#pause * 2, LAST_PAUSE_CALLS);
  }
}
