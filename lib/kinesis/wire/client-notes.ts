import { PageRoom } from './page-body.js';
import { WireChoice } from './wire-choice.js';

/** What is known of a client, shared by all sources that read with it. */
export interface ClientNotes {
  readonly choice: WireChoice;
  /** Where its pages are joined: a page is decoded at once, so one room is enough for many sources. */
  readonly room: PageRoom;
  /** Whether the event `wireFallback` was emitted. */
  isFallbackTold: boolean;
  /** Whether its handler has been checked. */
  isAdvised: boolean;
}

/** The notes belong to the client and not to a source: several sources with one client try CBOR once, and warn once. */
const notes = /* @__PURE__ */ new WeakMap<object, ClientNotes>();

/** The notes of a client, empty at first. */
export function notesOf(client: object): ClientNotes {
  const known = notes.get(client);
  if (known) return known;
  const made = { choice: new WireChoice(), room: new PageRoom(), isFallbackTold: false, isAdvised: false };
  notes.set(client, made);
  return made;
}
