import type { FakeIterators } from './fake-iterators.js';
import type { FakeScript } from './fake-script.js';
import type { FakeStream } from './fake-stream.js';

/** What the answers are made from. */
export interface FakeService {
  readonly script: FakeScript;
  readonly stream: FakeStream;
  readonly iterators: FakeIterators;
  /** Time 0 of the script by the scheduler's clock. */
  readonly startMs: number;
}
