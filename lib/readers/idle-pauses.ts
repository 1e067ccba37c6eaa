import { assertKnownFields, assertNumber } from '../internal/validate.js';
import { READS_PER_SECOND } from '../kinesis/read-pace.js';
import { InvalidConfigError } from '../values/errors.js';
import { shown } from '../values/shown.js';

/** The bounds of the pause after a page that reached the newest record: a fifth of the time since the last record lies between them. */
export interface IdleDelayConfig {
  /** The shortest pause, while records come, in ms. From 0 up. @defaultValue 250 */
  readonly min?: number | undefined;
  /** The longest pause, when none have come for five times as long, in ms. From `min` up. @defaultValue 1_000 */
  readonly max?: number | undefined;
}

/** How long a reader pauses: the fields that `polling` has for it, checked. */
export interface PausePolicy {
  readonly minMs: number;
  readonly maxMs: number;
  /** Whether the first pause is longer by a random part of itself. */
  readonly isJittered: boolean;
  /** Whether the pause runs from the beginning of the last read instead of its end. */
  readonly isPaced: boolean;
}

/** Checks the options, and fills in the defaults. @throws InvalidConfigError */
export function pausePolicy(idleDelayMs: number | IdleDelayConfig | undefined, latency: 'low' | undefined): PausePolicy {
  if (latency !== undefined) {
    if ((latency as unknown) !== 'low') throw new InvalidConfigError(`latency: expected 'low', got ${shown(latency)}`);
    if (idleDelayMs !== undefined) throw new InvalidConfigError("latency: 'low' sets the pauses itself: leave out idleDelayMs");
    return { minMs: READ_SPACING_MS, maxMs: READ_SPACING_MS, isJittered: true, isPaced: true };
  }
  if (typeof idleDelayMs === 'number') {
    assertNumber('idleDelayMs', idleDelayMs, 0);
    return { minMs: idleDelayMs, maxMs: idleDelayMs, isJittered: false, isPaced: false };
  }
  assertKnownFields(idleDelayMs ?? {}, { min: true, max: true }, 'idleDelayMs');
  const { min = 250, max = 1_000 } = idleDelayMs ?? {};
  assertNumber('idleDelayMs.min', min, 0);
  assertNumber('idleDelayMs.max', max, min);
  return { minMs: min, maxMs: max, isJittered: true, isPaced: false };
}

/**
 * Decides how long the reader of one shard pauses after a page that reached the newest record.
 *
 * @remarks Pure: whoever asks gives the time. A clock that was set back makes the pause no longer than the policy has it.
 */
export class IdlePauses {
  readonly #policy: PausePolicy;
  readonly #random: () => number;
  /** The time, in each longest pause, at which the shard is read while it is silent: a multiple of {@link GRID_MS}. */
  readonly #phaseMs: number;
  /** When the last record came, or else when reading began. */
  #recordAtMs: number;
  /** When the last read began. */
  #readAtMs: number;
  #isFirst = true;

  constructor(policy: PausePolicy, nowMs: number, random: () => number) {
    this.#policy = policy;
    this.#random = random;
    this.#phaseMs = Math.floor((policy.maxMs * random()) / GRID_MS) * GRID_MS;
    this.#recordAtMs = this.#readAtMs = nowMs;
  }

  /** Notes that a read begins. */
  noteRead(nowMs: number): void {
    this.#readAtMs = nowMs;
  }

  /** Notes that records have come. */
  noteRecords(nowMs: number): void {
    this.#recordAtMs = nowMs;
  }

  /** The next pause, in ms. */
  next(nowMs: number): number {
    const { minMs, maxMs, isJittered, isPaced } = this.#policy;
    const pauseMs = Math.min(Math.max(Math.floor((nowMs - this.#recordAtMs) / QUIET_PARTS), minMs), maxMs);
    // Shards that begin together would be read in step for ever. Longer and not shorter, since the budget would make short ones equal.
    const jitterMs = this.#isFirst && isJittered ? Math.floor(pauseMs * this.#random()) : 0;
    this.#isFirst = false;
    if (isPaced) return Math.max(0, pauseMs - Math.max(0, nowMs - this.#readAtMs)) + jitterMs;
    return Math.max(minMs, this.#inPhase(nowMs, pauseMs + jitterMs));
  }

  /**
   * Shortens a long pause so that it ends at a time at which other shards are read too: a process that wakes up for one read does so for a
   * read's cost. The longest one ends at the shard's own time of them, and is half as long at the least.
   */
  #inPhase(nowMs: number, pauseMs: number): number {
    if (pauseMs < LONG_PAUSE_MS) return pauseMs;
    const { maxMs } = this.#policy;
    const stepMs = pauseMs < maxMs ? GRID_MS : maxMs;
    const pastMs = modulo(nowMs + pauseMs - this.#phaseMs, stepMs);
    if (pastMs > maxMs - EARLY_MS) return pauseMs;
    // A shard that is far behind its time comes half the way back: those that are so together come apart too.
    return pauseMs - (pastMs > pauseMs / 2 ? pastMs / 2 : pastMs);
  }
}

/** A pause is a fifth of the time since the last record: that record's successor is met late by at most as much. */
const QUIET_PARTS = 5;

/**
 * Shards that are silent for seconds are read at multiples of this time: of a thousand, forty at once. Which multiple is the shard's own. If each
 * were read a second after its last answer, those that the process once read late together would be read together ever after, more with each
 * such delay, until half of all are begun in one turn of the event loop.
 */
const GRID_MS = 40;
/** By the system's clock a timer fires early at times: the shard's time has come then. */
const EARLY_MS = 3;
/** A shorter pause is not changed. */
const LONG_PAUSE_MS = 500;

/** The remainder that is not negative, for times before 0. */
function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

/** As often as Kinesis allows a shard to be read, by all its polling consumers together. */
const READ_SPACING_MS = 1_000 / READS_PER_SECOND;
