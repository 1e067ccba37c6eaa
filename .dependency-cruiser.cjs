/**
 * Which folder of lib/ may import which: one tower, lower floors first. The entry folders dynamodb, level, opentelemetry, s3 and testing stand
 * in no list: nobody imports them.
 */
const mayImport = {
  values: [],
  internal: ['values'],
  ledger: ['values'],
  rates: ['internal', 'values'],
  monitoring: ['values', 'internal'],
  checkpoints: ['values', 'internal'],
  blocks: ['values', 'internal', 'monitoring'],
  leases: ['values', 'internal', 'monitoring', 'checkpoints'],
  kinesis: ['values', 'internal', 'monitoring'],
  readers: ['values', 'internal', 'monitoring', 'checkpoints', 'kinesis'],
  tracking: ['values', 'internal', 'ledger', 'monitoring', 'checkpoints', 'kinesis', 'readers'],
  recovery: ['values', 'internal', 'ledger', 'monitoring', 'checkpoints', 'kinesis', 'readers', 'tracking'],
  shards: ['values', 'internal', 'ledger', 'rates', 'monitoring', 'checkpoints', 'kinesis', 'readers', 'tracking'],
  sources: ['values', 'internal', 'ledger', 'monitoring', 'checkpoints', 'kinesis', 'readers', 'tracking', 'shards'],
  operators: [
    'values',
    'internal',
    'ledger',
    'monitoring',
    'checkpoints',
    'kinesis',
    'readers',
    'tracking',
    'recovery',
    'shards',
    'blocks',
  ],
  dynamodb: ['values', 'internal', 'checkpoints', 'leases'],
  level: ['values', 'internal', 'checkpoints', 'blocks'],
  opentelemetry: ['values', 'internal', 'monitoring'],
  s3: ['values', 'internal', 'blocks'],
  testing: ['values', 'internal', 'kinesis', 'checkpoints', 'leases'],
};

const boundaries = Object.entries(mayImport).map(([folder, others]) => ({
  name: `${folder}-imports`,
  comment: `lib/${folder} imports only itself${others.map((other) => `, ${other}`).join('')}.`,
  severity: 'error',
  from: { path: `^lib/${folder}/` },
  to: { path: '^lib/', pathNot: `^lib/(${[folder, ...others].join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...boundaries,
    {
      name: 'folder-without-rule',
      comment: 'Every folder of lib/ has a line in the table above.',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: `^lib/(${Object.keys(mayImport).join('|')})/` },
      to: {},
    },
    {
      name: 'root-entry-imports',
      comment: 'lib/index.ts does not re-export the other entry points: they have peers of their own.',
      severity: 'error',
      from: { path: '^lib/index\\.ts$' },
      to: { path: '^lib/(dynamodb|level|opentelemetry|s3|testing)/' },
    },
    {
      name: 'no-index',
      comment: 'Files import each other by name: an index is for users, and is where cycles begin.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^lib/.*index\\.ts$' },
    },
    {
      name: 'testing-imports-types-only',
      comment: 'The fakes know the ports by their types: a bundle of specs carries no reader and no store.',
      severity: 'error',
      from: { path: '^lib/testing/' },
      to: { path: '^lib/(kinesis|checkpoints)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'testing-packages',
      comment: 'rx-kinesis/testing needs RxJS alone, and the MD5 that an aggregate of the KPL ends with.',
      severity: 'error',
      from: { path: '^lib/testing/' },
      to: { pathNot: '^(lib/|node_modules/(rxjs|js-md5)/)' },
    },
    {
      name: 'kinesis-client',
      comment: 'lib/kinesis is the only place that knows the Kinesis client.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/kinesis/' },
      to: { path: '@aws-sdk/client-kinesis' },
    },
    {
      name: 'dynamodb-client',
      comment: 'lib/dynamodb is the only place that knows the DynamoDB client.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/dynamodb/' },
      to: { path: '@aws-sdk/client-dynamodb' },
    },
    {
      name: 's3-client',
      comment: 'lib/s3 is the only place that knows the S3 client.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/s3/' },
      to: { path: '@aws-sdk/client-s3' },
    },
    {
      name: 'rxjs-testing',
      comment: 'The TestScheduler is for rx-kinesis/testing.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/testing/' },
      to: { path: 'rxjs/.*testing' },
    },
    {
      name: 'rxjs-root-only',
      comment: 'RxJS is imported from its root: operators/ is a deprecated path, internal/ a private one.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: 'rxjs/.*(operators|internal)' },
    },
    {
      name: 'runs-in-a-browser',
      comment: 'Only rx-kinesis/dynamodb may use Node built-ins; all else also runs in a browser.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/dynamodb/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'declared-packages',
      comment: 'The package ships with dependencies and peers, not with development dependencies, nor do its declarations name them.',
      severity: 'error',
      from: { path: '^lib/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional'],
      },
    },
    {
      name: 'no-cycles',
      comment: 'No file reaches itself, not even through types.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Keeps type-only imports in the graph, so that boundaries and cycles count them.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
    externalModuleResolutionStrategy: 'node_modules',
  },
};
