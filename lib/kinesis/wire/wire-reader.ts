import { defer, Observable, tap } from 'rxjs';
import { subscribeWithin } from '../../internal/subscribe-within.js';
import type { EventSink } from '../../monitoring/events.js';
import type { GetRecordsPage, GetRecordsRequest } from '../port.js';
import { adviseOnce } from './client-advice.js';
import { notesOf, type ClientNotes } from './client-notes.js';
import type { PayloadPlacement } from './page-payloads.js';
import type { SdkClientConfig, SdkCommand } from './sdk-seam.js';
import { WireCall, type WireContext } from './wire-call.js';
import type { FallbackReason } from './wire-choice.js';
import type { WireFormat } from './wire-format.js';

/** The parts that make a call: the SDK's command, and the client that sends it. */
export interface WireSource {
  readonly client: object;
  readonly config: SdkClientConfig;
  /** Makes a new command for each call. */
  readonly command: (request: GetRecordsRequest) => SdkCommand;
  /** Sends it; the controller is aborted when the result is not wanted any more. */
  readonly send: (command: SdkCommand, controller: AbortController) => Observable<GetRecordsPage>;
  /** The preferred format: CBOR is used only where the service accepts it. */
  readonly format: WireFormat;
  readonly payloads: PayloadPlacement;
  readonly notify: EventSink;
}

/**
 * How many calls that have ended are kept for the next ones, of some 12 KiB each. Silent shards are read in groups, of a thousand some forty at once, and a
 * process that is busy has the calls of several groups under way.
 */
const MAX_KEPT = 256;

/** Calls GetRecords through the user's client, and decodes the pages itself. */
export class WireReader {
  readonly #source: WireSource;
  readonly #notes: ClientNotes;
  readonly #context: WireContext;
  /** Calls that have ended, to be made again. */
  readonly #kept: Readonly<Record<WireFormat, WireCall[]>> = { cbor: [], json: [] };

  constructor(source: WireSource) {
    this.#source = source;
    this.#notes = notesOf(source.client);
    this.#context = { config: source.config, room: this.#notes.room, payloads: source.payloads };
  }

  /**
   * Emits one page; each subscription makes a call, and a second one in JSON when the service did not accept CBOR.
   *
   * @remarks One subscriber and not an operator for each step: it is done for each read of each shard.
   */
  getRecords(request: GetRecordsRequest): Observable<GetRecordsPage> {
    const { choice } = this.#notes;
    return new Observable((subscriber) => {
      const call = this.#callIn(this.#source.format === 'json' ? 'json' : choice.next());
      subscribeWithin(subscriber, this.#send(call, request), {
        next: (page) => {
          this.#noteAnswer(call);
          this.#tellFallback(choice.accept(call));
          subscriber.next(page);
        },
        error: (error) => {
          const reason = choice.doubt(call, error);
          if (reason) this.#inJson(request, reason, error).subscribe(subscriber);
          else subscriber.error(error);
        },
      });
    });
  }

  #inJson(request: GetRecordsRequest, reason: FallbackReason, error: unknown): Observable<GetRecordsPage> {
    return defer(() => {
      const call = this.#callIn('json');
      return this.#send(call, request).pipe(
        tap(() => {
          this.#noteAnswer(call);
          this.#notes.choice.fallBack(reason);
          this.#tellFallback(reason, error);
        }),
      );
    });
  }

  #callIn(format: WireFormat): WireCall {
    return this.#kept[format].pop() ?? new WireCall(format, this.#context);
  }

  #noteAnswer(call: WireCall): void {
    const { client, config, notify } = this.#source;
    adviseOnce(client, config, notify);
    const kept = this.#kept[call.format];
    if (kept.length < MAX_KEPT && !call.isWornOut) kept.push(call);
  }

  #send(call: WireCall, request: GetRecordsRequest): Observable<GetRecordsPage> {
    const command = this.#source.command(request);
    call.attachTo(command);
    return this.#source.send(command, call.controller);
  }

  #tellFallback(reason: FallbackReason | undefined, error?: unknown): void {
    if (reason === undefined || this.#notes.isFallbackTold) return;
    this.#notes.isFallbackTold = true;
    this.#source.notify({ type: 'wireFallback', reason, ...(error !== undefined && { error }) });
  }
}
