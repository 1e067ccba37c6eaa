import { bundles } from './bundles.js';
import { idle } from './idle.js';
import { latency } from './latency.js';
import { memory } from './memory.js';
import { operators } from './operators.js';
import { reading } from './reading.js';
import { recovery } from './recovery.js';
import type { Section } from './section.js';

/** The parts of `npm run bench`, in the order in which they run. A new one goes here, and its page is linked in docs/benchmarks/README.md. */
export const SECTIONS: readonly Section[] = [reading, operators, latency, memory, idle, recovery, bundles];
