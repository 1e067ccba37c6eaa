import { WireChoice } from './wire-choice.js';

/** What is known of a client, to all who read with it. */
export interface ClientNotes {
  readonly choice: WireChoice;
  /** Whether it has been told that its pages are read as JSON. */
  isFallbackTold: boolean;
  /** Whether its handler has been looked at. */
  isAdvised: boolean;
}

/** Goes with the client, and not with a source: several that read with one client try CBOR once, and warn once. */
const notes = /* @__PURE__ */ new WeakMap<object, ClientNotes>();

/** The notes of a client, empty at first. */
export function notesOf(client: object): ClientNotes {
  const known = notes.get(client);
  if (known) return known;
  const made = { choice: new WireChoice(), isFallbackTold: false, isAdvised: false };
  notes.set(client, made);
  return made;
}
