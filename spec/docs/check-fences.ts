import { join } from 'node:path';
import ts from 'typescript';
import { titleOf, ROOT, type Fence } from './fences.js';
import { makePrelude, type Prelude } from './prelude.js';

/** Type-checks fences as modules of the checkout, all in one program that is in memory. Gives what the compiler says of each. */
export function checkFences(fences: readonly Fence[]): Map<Fence, string[]> {
  const prelude = makePrelude();
  const files = new Map(fences.map((fence, i) => [join(ROOT, 'docs', `fence-${i}.ts`), fence]));
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  // Pages say what matters: they need not look for an element that may be missing, nor use all that they name, nor mark types.
  const loose = {
    verbatimModuleSyntax: false,
    isolatedModules: false,
    noUncheckedIndexedAccess: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
  const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, ...loose }, ROOT);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (path) => {
    const fence = files.get(path);
    return fence ? moduleOf(fence, prelude) : readFile(path);
  };
  host.fileExists = (path) => files.has(path) || fileExists(path);
  const { getSourceFile } = host;
  host.getSourceFile = (path, ...rest) => {
    const fence = files.get(path);
    if (!fence) return getSourceFile(path, ...rest);
    const file = ts.createSourceFile(path, moduleOf(fence, prelude), rest[0], true);
    file.impliedNodeFormat = ts.ModuleKind.ESNext;
    return file;
  };

  const program = ts.createProgram([...files.keys()], options, host);
  return new Map([...files].map(([path, fence]) => [fence, messagesOf(program, program.getSourceFile(path)!, fence)]));
}

function moduleOf(fence: Fence, prelude: Prelude): string {
  const text = fence.info === 'ts signature' ? signatureCheck(fence.text, prelude) : fence.text;
  return `export {}; ${isWhole(fence) ? '' : prelude.lineFor(text)}\n${text}\n`;
}

/** What a newcomer pastes must say all that it takes, from its imports on. */
function isWhole({ file, info }: Fence): boolean {
  return info === 'ts run' || (info === 'ts' && file.endsWith('.md'));
}

/** A signature on a page must be that of the code: each must do where the other is asked for. */
function signatureCheck(text: string, prelude: Prelude): string {
  const names = [...text.matchAll(/^declare function (\w+)/gm)].map(([, name]) => name!);
  const checks = names.map((name) => {
    const actual = `typeof import('${prelude.originOf(name)}').${name}`;
    return `const given_${name}: ${actual} = ${name}; const taken_${name}: typeof ${name} = null! as ${actual};`;
  });
  return `${text}\n${checks.join('\n')}`;
}

function messagesOf(program: ts.Program, file: ts.SourceFile, fence: Fence): string[] {
  const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  return found.map(({ start = 0, messageText }) => {
    const { line } = file.getLineAndCharacterOfPosition(start);
    return `${titleOf({ ...fence, line: fence.line + line - 1 })} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}
