import type { FakeIterators } from './fake-iterators.js';
import type { FakeScript } from './fake-script.js';
import type { FakeStream } from './fake-stream.js';

/** The parts from which answers are made. */
export interface FakeService {
  readonly script: FakeScript;
  readonly stream: FakeStream;
  readonly iterators: FakeIterators;
  /** Time 0 of the script, by the scheduler's clock. */
  readonly startMs: number;
}
