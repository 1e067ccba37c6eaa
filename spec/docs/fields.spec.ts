import { expect } from 'chai';
import ts from 'typescript';
import { ROOT } from './fences.js';

/** What `type`, `code` and `retriable` are is said by the type or the error that has them. */
const SAID_ELSEWHERE = ['type', 'code', 'retriable'];
const ENTRIES = ['', 'dynamodb/', 'level/', 'opentelemetry/', 's3/', 'testing/'].map((folder) => `${ROOT}lib/${folder}index.ts`);

describe('the fields of the exported types', function () {
  this.timeout(60_000);

  it('have a doc comment each', () => {
    const program = ts.createProgram(ENTRIES, { noEmit: true, skipLibCheck: true, strict: true, module: ts.ModuleKind.NodeNext });
    const checker = program.getTypeChecker();
    const exported = ENTRIES.flatMap((entry) => checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!));
    const symbols = exported.map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));
    const declarations = new Set(symbols.flatMap(({ declarations = [] }) => declarations));
    const silent = [...declarations]
      .filter((node) => ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node))
      .filter((node) => node.getSourceFile().fileName.startsWith(`${ROOT}lib/`))
      .flatMap((node) => fieldsOf(node).map((field) => `${node.name?.text}.${field}`));
    expect(declarations.size).to.be.above(100);
    expect(silent).to.deep.equal([]);
  });
});

/** The fields and methods without a doc comment. */
function fieldsOf(node: ts.ClassDeclaration | ts.InterfaceDeclaration): string[] {
  const members: readonly (ts.ClassElement | ts.TypeElement)[] = node.members;
  return members
    .filter(({ name, kind }) => name && !ts.isPrivateIdentifier(name) && kind !== ts.SyntaxKind.Constructor)
    .filter((member) => ts.getJSDocCommentsAndTags(member).length === 0)
    .map(({ name }) => name!.getText())
    .filter((name) => !SAID_ELSEWHERE.includes(name));
}
