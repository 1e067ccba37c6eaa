import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { assertInteger, assertKnownFields, assertNumber, assertScheduler, type FieldsOf } from '../internal/validate.js';
import { InvalidConfigError } from '../values/errors.js';

/** The sliding window that a metric looks at. */
export interface WindowConfig {
  /** How far back a figure looks, in ms. From 1 up: a multiple of `everyMs`, up to 1 000 times it. @defaultValue 300_000 */
  readonly windowMs?: number | undefined;
  /** How often a figure is emitted, in ms. From 1 up. @defaultValue a tenth of the window */
  readonly everyMs?: number | undefined;
  /** Every timer and clock. @defaultValue asyncScheduler */
  readonly scheduler?: SchedulerLike | undefined;
}

/** A {@link WindowConfig} checked, with its defaults. */
export interface ResolvedWindow {
  /** How many slots of `everyMs` the window has. */
  readonly slots: number;
  readonly everyMs: number;
  readonly scheduler: SchedulerLike;
}

/** The fields of a {@link WindowConfig}. */
export const WINDOW_FIELDS: FieldsOf<WindowConfig> = { windowMs: true, everyMs: true, scheduler: true };

/** Checks a config of these fields alone. @throws InvalidConfigError */
export function windowOf(config: WindowConfig): ResolvedWindow {
  assertKnownFields(config, WINDOW_FIELDS);
  return resolveWindow(config);
}

/** Checks the window of a config. @throws InvalidConfigError */
export function resolveWindow({ windowMs = 300_000, everyMs, scheduler = asyncScheduler }: WindowConfig): ResolvedWindow {
  assertInteger('windowMs', windowMs, 1);
  const slotMs = everyMs ?? Math.max(1, windowMs / 10);
  assertNumber('everyMs', slotMs, 1);
  assertScheduler(scheduler);
  const slots = Math.round(windowMs / slotMs);
  if (Math.abs(slots * slotMs - windowMs) > ROUNDING || slots > MAX_SLOTS)
    throw new InvalidConfigError(`windowMs: expected a multiple of everyMs (${slotMs}), up to ${MAX_SLOTS} times it, got ${windowMs}`);
  return { slots, everyMs: slotMs, scheduler };
}

/** What a window keeps does not depend on the rate of events, but on this. */
const MAX_SLOTS = 1_000;
/** A tenth of a window need not be a whole number. */
const ROUNDING = 1e-6;
