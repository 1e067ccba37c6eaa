/** The field that every event has. */
export interface TimedEvent {
  /** When it happened, in ms by the clock of `scheduler`. */
  readonly at: number;
}
