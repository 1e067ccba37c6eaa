import js from '@eslint/js';
import rxjs from 'eslint-plugin-rxjs-x';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Operators that may stand after `takeUntil`: those that RxJS completes by, and ours that finish their work, or tell of its end, when the source completes. */
const afterTakeUntil = [
  ...rxjs.rules['no-unsafe-takeuntil'].meta.defaultOptions[0].allow,
  'withSequenceRanges',
  'recoverFrom',
  'mergeShards',
  'checkpointEvery',
  'supervised',
];

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'performance'];
const useScheduler = 'Time comes from `scheduler` alone: timer(ms, scheduler), scheduler.now().';
const useRandom = 'Chance comes from the `random` config field alone.';
const usePort = 'Asynchrony is an Observable here: a promise never runs in virtual time.';

/** An argument by name: `scheduler`, `this.#scheduler`, `reading.scheduler`. Those of RxJS do not count: a caller cannot replace them. */
const schedulerName = '/^(?!(?:async|asap|animationFrame|queue)Scheduler$)\\w*scheduler$/i';
const withoutScheduler = [
  `:not(:has(> Identifier.arguments[name=${schedulerName}]))`,
  `:not(:has(> MemberExpression.arguments[property.name=${schedulerName}]))`,
  ':not(:has(> ObjectExpression.arguments:has(> Property[key.name="scheduler"])))',
].join('');
const timed = [
  ...['timer', 'interval', 'timestamp', 'timeInterval', 'delay', 'timeout', 'timeoutWith'],
  ...['auditTime', 'bufferTime', 'debounceTime', 'sampleTime', 'throttleTime', 'windowTime'],
];

/**
 * What of RxJS takes asyncScheduler when it is given no scheduler. No marble test can see that, since it replaces asyncScheduler:
 * a user's VirtualTimeScheduler hangs there.
 */
export const unscheduledTime = [
  `CallExpression[callee.name=/^(?:${timed.join('|')})$/]${withoutScheduler}`,
  // A number; a function gives a notifier, which has a scheduler of its own.
  'CallExpression[callee.name=/^(?:retry|repeat)$/] > ObjectExpression > Property[key.name="delay"][value.type!=/^(?:Arrow)?Function|^Identifier$|^MemberExpression$/]',
  'CallExpression[callee.name=/^(?:retry|repeat)$/] > ObjectExpression > Property[key.name="delay"] > .value[name=/^delay$|Ms$/]',
  'CallExpression[callee.name=/^(?:retry|repeat)$/] > ObjectExpression > Property[key.name="delay"] > .value[property.name=/^delay$|Ms$/]',
  'NewExpression[callee.name="ReplaySubject"][arguments.length=2]',
  'CallExpression[callee.name="shareReplay"][arguments.length=2]',
  'CallExpression[callee.name="shareReplay"] > ObjectExpression:has(> Property[key.name="windowTime"]):not(:has(> Property[key.name="scheduler"]))',
  // As the default of a `scheduler` field they may be named.
  ':not(AssignmentPattern, ImportSpecifier) > Identifier[name=/^(?:async|asap|animationFrame)Scheduler$/]',
].map((selector) => ({ selector, message: useScheduler }));

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'docs/api/', '.tmp/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked, rxjs.configs.strict],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      // A name for users, of a type that has another one inside.
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'with-single-extends' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'rxjs-x/no-unsafe-takeuntil': ['error', { allow: afterTakeUntil }],
      // An error that is passed on is of unknown type.
      'rxjs-x/throw-error': ['error', { allowThrowingAny: false, allowThrowingUnknown: true }],
    },
  },
  {
    files: ['lib/**'],
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 30, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      'no-restricted-globals': [
        'error',
        ...['Buffer', 'process', '__dirname', 'require', 'global'].map((name) => ({ name, message: 'Browsers have none.' })),
        ...timers.map((name) => ({ name, message: useScheduler })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: useScheduler },
        { object: 'Promise', message: usePort },
        ...timers.map((property) => ({ object: 'globalThis', property, message: useScheduler })),
      ],
      'no-restricted-syntax': [
        'error',
        ...unscheduledTime,
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: useScheduler },
        { selector: 'NewExpression[callee.name="Promise"]', message: usePort },
        // As the default of a `random` field it may be named, but not called.
        { selector: 'CallExpression[callee.object.name="Math"][callee.property.name="random"]', message: useRandom },
      ],
    },
  },
  {
    // The places that write to the console, when nobody takes the events.
    files: ['lib/monitoring/{failedWrites,warnings}.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // What an operator does reads best in one piece, with its state beside it.
    files: ['lib/operators/**', 'lib/sources/**'],
    rules: { 'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }] },
  },
  {
    files: ['spec/**', 'docs/examples/**'],
    rules: {
      // Chai's assertions are property reads.
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // An unhandled error fails a spec by itself; specs drive subjects, re-entrancy and odd errors on purpose.
      'rxjs-x/no-exposed-subjects': 'off',
      'rxjs-x/no-ignored-default-value': 'off',
      'rxjs-x/no-ignored-error': 'off',
      'rxjs-x/no-index': 'off',
      'rxjs-x/no-nested-subscribe': 'off',
      'rxjs-x/no-subject-unsubscribe': 'off',
      'rxjs-x/throw-error': 'off',
    },
  },
  { files: ['**/*.{js,cjs,mjs}'], languageOptions: { globals: { module: 'writable', console: 'readonly', process: 'readonly' } } },
);
