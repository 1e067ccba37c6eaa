import { assertKnownFields, type FieldsOf } from '../../internal/validate.js';
import { InvalidConfigError } from '../../values/errors.js';
import { shown } from '../../values/shown.js';
import type { FakeRecord, FakeScript, FakeShardScript } from './fake-script.js';

/** Checks the options of a script. What they say of shards and records is checked where it is used. @throws InvalidConfigError */
export function assertScript(script: FakeScript): void {
  if (typeof (script as Partial<FakeScript> | undefined)?.shards !== 'object')
    throw new InvalidConfigError(`fakeKinesis: expected a script with shards, got ${typeof script}`);
  assertKnownFields(script, SCRIPT_FIELDS, 'fakeKinesis');
  for (const [name, shard] of Object.entries(script.shards))
    if (typeof shard !== 'string') assertKnownFields(shard, SHARD_FIELDS, `fakeKinesis: shard ${name}`);
  for (const [letter, fields] of Object.entries(script.values ?? {})) {
    assertLetter(letter);
    assertKnownFields(fields, RECORD_FIELDS, `fakeKinesis: values of ${letter}`);
  }
  assertChoice('lastPage', script.lastPage ?? 'with-records', ['with-records', 'extra-page']);
  assertNumbers(script);
}

/** Letters that the script does not have are allowed: `put` may use them. */
function assertLetter(letter: string): void {
  if (isLetter(letter)) return;
  throw new InvalidConfigError(`fakeKinesis: expected the keys of values to be letters, got ${shown(letter)}`);
}

/** Whether a character stands for a record, and has no other meaning in marbles. */
export function isLetter(character: string): boolean {
  return /^[^\s()|^#!-]$/u.test(character);
}

/** Throws unless a choice is one that there is: another would be taken for the default in silence. */
export function assertChoice(name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value))
    throw new InvalidConfigError(`fakeKinesis: expected ${name} to be one of ${choices.join(', ')}, got ${shown(value)}`);
}

function assertNumbers(script: FakeScript): void {
  const { latencyMs = 1, maxRecordsPerPage = 1, shardsPerPage = 1, iteratorTtlMs = 0, consumerDelayMs = 0, subscriptionMs = 1 } = script;
  assertLeast({ latencyMs }, 0);
  assertLeast({ maxRecordsPerPage }, 1);
  assertLeast({ shardsPerPage }, 1);
  assertLeast({ iteratorTtlMs }, 0);
  assertLeast({ consumerDelayMs }, 0);
  assertLeast({ subscriptionMs }, 1);
}

function assertLeast(field: Readonly<Record<string, number>>, least: number): void {
  for (const [name, value] of Object.entries(field)) {
    if (!(value >= least)) throw new InvalidConfigError(`fakeKinesis: expected ${name} to be a number from ${least} up, got ${value}`);
  }
}

const SCRIPT_FIELDS: FieldsOf<FakeScript> = {
  shards: true,
  values: true,
  streamName: true,
  latencyMs: true,
  faults: true,
  trims: true,
  expireIteratorsAtMs: true,
  iteratorTtlMs: true,
  maxRecordsPerPage: true,
  shardsPerPage: true,
  lastPage: true,
  childShards: true,
  consumers: true,
  consumerDelayMs: true,
  subscriptionMs: true,
  scheduler: true,
};

const SHARD_FIELDS: FieldsOf<FakeShardScript> = {
  records: true,
  parents: true,
  createdAtMs: true,
  closedAtMs: true,
  hashKeyRange: true,
};

const RECORD_FIELDS: FieldsOf<FakeRecord> = {
  atMs: true,
  sequenceNumber: true,
  subSequenceNumber: true,
  partitionKey: true,
  data: true,
};
