import ts from 'typescript';
import { LEVELS } from '../../lib/monitoring/levels.js';
import { ROOT } from './fences.js';

const FILE = `${ROOT}lib/monitoring/events.ts`;
/** What stands in the page once, above the table. */
const COMMON = ['at', 'streamName', 'shardId', 'type'];

/** The table of events, from their types: the rows of `docs/guide/events.md`. */
export function eventsTable(): string[] {
  const program = ts.createProgram([FILE], { noEmit: true, types: [], skipLibCheck: true, strict: true, module: ts.ModuleKind.NodeNext });
  const checker = program.getTypeChecker();
  const union = program
    .getSourceFile(FILE)!
    .statements.filter(ts.isTypeAliasDeclaration)
    .find(({ name }) => name.text === 'KinesisEvent')!;
  const events = checker.getTypeAtLocation(union.name) as ts.UnionType;
  const rows = events.types.map((type) => rowOf(type.symbol.declarations![0] as ts.InterfaceDeclaration, checker));
  return ['| event | level | when | fields |', '|---|---|---|---|', ...rows.sort()];
}

function rowOf(node: ts.InterfaceDeclaration, checker: ts.TypeChecker): string {
  const symbol = checker.getSymbolAtLocation(node.name)!;
  const properties = checker.getTypeAtLocation(node).getProperties();
  const type = checker
    .typeToString(
      checker.getTypeOfSymbolAtLocation(
        properties.find(({ name }) => name === 'type')!,
        node,
      ),
    )
    .slice(1, -1);
  const fields = properties.filter(({ name }) => !COMMON.includes(name)).map((property) => fieldOf(property, node, checker));
  const has = (field: string): boolean => properties.some(({ name }) => name === field);
  const place = has('shardId') ? '' : has('streamName') ? ' (of the stream)' : '';
  return `| \`${type}\`${place} | ${LEVELS[type as keyof typeof LEVELS]} | ${docOf(symbol, checker)} | ${fields.join('<br>')} |`;
}

function fieldOf(property: ts.Symbol, node: ts.Node, checker: ts.TypeChecker): string {
  const doc = docOf(property, checker);
  const type = checker.typeToString(checker.getTypeOfSymbolAtLocation(property, node), undefined, ts.TypeFormatFlags.NoTruncation);
  return `\`${property.name}\`: ${type.replaceAll('|', '\\|')}${doc ? `. ${doc}` : ''}`;
}

function docOf(symbol: ts.Symbol, checker: ts.TypeChecker): string {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker)).replace(/\s+/g, ' ').replaceAll('|', '\\|');
}
