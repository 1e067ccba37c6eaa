/** What every event says. */
export interface TimedEvent {
  /** When it happened, in ms by the clock of `scheduler`. */
  readonly at: number;
}
