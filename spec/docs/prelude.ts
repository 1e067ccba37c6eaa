import ts from 'typescript';
import { ROOT } from './fences.js';

/** What pages take for granted: the user's own values and functions. A fence that declares one of them has its own. */
const GIVEN: Readonly<Record<string, string>> = {
  block: "import('rx-kinesis').Block",
  blocks: "import('rx-kinesis').BlockStore",
  handles$: "import('rxjs').Observable<import('rx-kinesis').StoredBlock>",
  blocks$: "import('rxjs').Observable<import('rx-kinesis').Block>",
  client: "import('@aws-sdk/client-kinesis').KinesisClient",
  config: "import('rx-kinesis').KinesisStreamConfig",
  keep: '(letter: string) => Promise<void>',
  replay: "(records: readonly import('rx-kinesis').KinesisRecord[]) => void",
  save: "(block: import('rx-kinesis').Block) => Promise<import('rx-kinesis').Block>",
  saved: 'string',
  shard: "import('rx-kinesis').Shard",
  stop: "import('rxjs').Observable<unknown>",
  store: "import('rx-kinesis').CheckpointStore",
  work: "(block: import('rx-kinesis').Block) => Promise<import('rx-kinesis').Block>",
};

/** Where names come from that a fence uses and does not import; the first that has one counts. */
const MODULES = [
  ['rxjs', 'node_modules/rxjs/dist/types/index.d.ts'],
  ['rx-kinesis', 'lib/index.ts'],
  ['rx-kinesis/testing', 'lib/testing/index.ts'],
  ['rx-kinesis/dynamodb', 'lib/dynamodb/index.ts'],
  ['rx-kinesis/level', 'lib/level/index.ts'],
  ['rx-kinesis/opentelemetry', 'lib/opentelemetry/index.ts'],
  ['rx-kinesis/s3', 'lib/s3/index.ts'],
] as const;
const OTHERS: Readonly<Record<string, string>> = {
  ClassicLevel: 'classic-level',
  DynamoDBClient: '@aws-sdk/client-dynamodb',
  KinesisClient: '@aws-sdk/client-kinesis',
  metrics: '@opentelemetry/api',
  NodeHttpHandler: '@smithy/node-http-handler',
  S3Client: '@aws-sdk/client-s3',
};

/** What is known of the names that fences use. */
export interface Prelude {
  /** Says what a fence takes for granted, on one line, so that the lines of the fence keep their numbers but for one. */
  lineFor(text: string): string;
  /** Where an exported name comes from. */
  originOf(name: string): string | undefined;
}

/** Reads the exports of the packages, once for all fences. */
export function makePrelude(): Prelude {
  const origins = new Map<string, string>(Object.entries(OTHERS));
  for (const [name, file] of [...MODULES].reverse()) for (const exported of exportsOf(file)) origins.set(exported, name);

  const lineFor = (text: string): string => {
    const used = new Set(text.match(/[\p{L}_$][\p{L}\p{N}_$]*/gu));
    const own = declaredIn(text);
    const lines = [...used].flatMap((name) => {
      if (own.has(name)) return [];
      if (Object.hasOwn(GIVEN, name)) return [`declare const ${name}: ${GIVEN[name]};`];
      const origin = origins.get(name);
      return origin ? [`import { ${name} } from '${origin}';`] : [];
    });
    return lines.join(' ');
  };
  return { lineFor, originOf: (name) => origins.get(name) };
}

function exportsOf(file: string): string[] {
  const path = `${ROOT}${file}`;
  const program = ts.createProgram([path], { noEmit: true, skipLibCheck: true, types: [], module: ts.ModuleKind.NodeNext });
  const checker = program.getTypeChecker();
  const symbol = checker.getSymbolAtLocation(program.getSourceFile(path)!);
  return symbol ? checker.getExportsOfModule(symbol).map(({ name }) => name) : [];
}

/** The names that a text imports or declares at its top, or as a parameter anywhere. */
function declaredIn(text: string): Set<string> {
  const names = new Set<string>();
  const add = (name: ts.Node | undefined): void => {
    if (name && ts.isIdentifier(name)) names.add(name.text);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportSpecifier(node) || ts.isImportClause(node)) add(node.name);
    else if (ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node)) add(node.name);
    else if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) add(node.name);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('fence.ts', text, ts.ScriptTarget.ES2022));
  return names;
}
