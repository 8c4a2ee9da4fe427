/** What the architecture test reads in a source file: its imports, and the few constructs rules are about. */
import { parseSync } from '@swc/core';

export interface Import {
  /** As written: `koa`, `node:net`, or for our own files the path below `src` (`stores/client-store.ts`). */
  readonly target: string;
  readonly own: boolean;
  /** Gone after compiling. */
  readonly typeOnly: boolean;
  readonly names: readonly string[];
  /** `export … from` */
  readonly reexport: boolean;
}

export interface SourceFile {
  /** Below `src`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
  /** Constructs by a short name: `any`, `default export`, `process.env`, `call fetch`, `call http.request`, … */
  readonly constructs: ReadonlySet<string>;
  /** Every string and piece of a template. */
  readonly strings: readonly string[];
}

type Node = { readonly type?: string; readonly [member: string]: unknown };

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;
const nameOf = (value: unknown): string =>
  isNode(value) && typeof value.value === 'string' ? value.value : '';

function* walk(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const item of value) yield* walk(item);
  else if (isNode(value)) {
    if (typeof value.type === 'string') yield value;
    for (const [member, inner] of Object.entries(value)) if (member !== 'span') yield* walk(inner);
  }
}

/** `a/b/../c.js` seen from a file becomes the path of the source. */
function resolved(from: string, specifier: string): string {
  return new URL(specifier, `file:///src/${from}`).pathname.replace(/^\/src\//, '').replace(/\.js$/, '.ts');
}

function toImport(
  path: string,
  specifier: string,
  more: Pick<Import, 'typeOnly' | 'names' | 'reexport'>,
): Import {
  const own = specifier.startsWith('.');
  return { target: own ? resolved(path, specifier) : specifier, own, ...more };
}

function importOf(path: string, node: Node): Import | undefined {
  const reexport = node.type !== 'ImportDeclaration';
  const specifiers = (node.specifiers ?? []) as Node[];
  const typeOnly =
    node.typeOnly === true ||
    (specifiers.length > 0 && specifiers.every(({ isTypeOnly }) => isTypeOnly === true));
  const names = specifiers.map((one) => nameOf(one.imported) || nameOf(one.orig) || nameOf(one.local));
  return isNode(node.source) ? toImport(path, nameOf(node.source), { typeOnly, names, reexport }) : undefined;
}

function constructOf(node: Node): string | undefined {
  const { type, callee, object, property } = node;
  if (type === 'TsKeywordType' && node.kind === 'any') return 'any';
  if (type === 'ExportDefaultDeclaration' || type === 'ExportDefaultExpression') return 'default export';
  if (type === 'MemberExpression' && nameOf(object) !== '') return `${nameOf(object)}.${nameOf(property)}`;
  if (type === 'VariableDeclarator' && isNode(node.id) && node.id.type === 'ObjectPattern') {
    const keys = (node.id.properties as Node[]).map(({ key }) => nameOf(key));
    return keys.includes('env') && nameOf(node.init) === 'process' ? 'process.env' : undefined;
  }
  if (type === 'CallExpression' || type === 'NewExpression') {
    const name = nameOf(callee);
    return name === '' ? undefined : `call ${name}`;
  }
  return undefined;
}

export function readSource(path: string, text: string): SourceFile {
  const imports: Import[] = [];
  const constructs = new Set<string>();
  const strings: string[] = [];
  for (const node of walk(parseSync(text, { syntax: 'typescript', target: 'es2022' }))) {
    const { type } = node;
    if (
      type === 'ImportDeclaration' ||
      type === 'ExportNamedDeclaration' ||
      type === 'ExportAllDeclaration'
    ) {
      const found = importOf(path, node);
      if (found) imports.push(found);
    } else if (type === 'CallExpression' && isNode(node.callee) && node.callee.type === 'Import') {
      const [argument] = node.arguments as { expression: unknown }[];
      imports.push(
        toImport(path, nameOf(argument?.expression), { typeOnly: false, names: [], reexport: false }),
      );
    } else if (type === 'TsImportType') {
      imports.push(toImport(path, nameOf(node.argument), { typeOnly: true, names: [], reexport: false }));
    } else if (type === 'StringLiteral') strings.push(nameOf(node));
    else if (type === 'TemplateElement') strings.push(String(node.raw));
    const construct = constructOf(node);
    if (construct) constructs.add(construct);
  }
  return { path, text, imports, constructs, strings };
}
