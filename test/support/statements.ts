import { join, relative } from 'node:path';
import ts from 'typescript';

/** Where the source writes a prepared statement down: an argument `name` with an argument `text`, or an object with both. */
export interface StatementSite {
  /** file:line, from the root of the project. */
  at: string;
  file: string;
  /** Matches the names that the site prepares. */
  name: RegExp;
  /** The name, where it is written out. */
  literal: string | null;
  /** The text, where name and text are written out. */
  text: string | null;
  /** Parameters and local variables that the text is made of and the name is not. */
  unnamed: string[];
}

/** A parameter of an exported function, and the values it may have where its type lists them. */
export type Choices = (readonly (string | boolean)[] | null)[];

export interface StatementSource {
  sites: StatementSite[];
  /** Of each exported function of a file with sites, by `file#name`. */
  parameters: Map<string, Choices>;
}

const ROOT = join(__dirname, '../..');
const PRODUCT = /^(?!test\/|bench\/|node_modules\/|dist\/).+\.ts$/;

/** Finds every statement of the product with TypeScript's own checker, whatever its helpers and files are called. */
export function readStatements(): StatementSource {
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const parsed = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const product = parsed.fileNames.filter((file) => PRODUCT.test(relative(ROOT, file)));
  const program = ts.createProgram(product, parsed.options);
  const checker = program.getTypeChecker();
  const sites: StatementSite[] = [];
  const parameters = new Map<string, Choices>();
  for (const source of program.getSourceFiles()) {
    if (!PRODUCT.test(relative(ROOT, source.fileName))) continue;
    const found = sitesIn(source, checker);
    sites.push(...found);
    if (found.length === 0) continue;
    const module = checker.getSymbolAtLocation(source);
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const [signature] = checker.getTypeOfSymbol(exported).getCallSignatures();
      if (signature) parameters.set(`${source.fileName}#${exported.name}`, choicesOf(signature, checker));
    }
  }
  return { sites, parameters };
}

function sitesIn(source: ts.SourceFile, checker: ts.TypeChecker): StatementSite[] {
  const found: StatementSite[] = [];
  const visit = (node: ts.Node): void => {
    const statement = statementAt(node, checker);
    if (statement) found.push(asSite(source, node, statement, checker));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

interface Written {
  name: ts.Expression;
  text: ts.Expression;
}

function statementAt(node: ts.Node, checker: ts.TypeChecker): Written | undefined {
  const written = ts.isCallExpression(node)
    ? writtenInCall(node, checker)
    : ts.isObjectLiteralExpression(node)
      ? writtenInObject(node, checker)
      : undefined;
  if (!written) return undefined;
  const { name } = written;
  // A name that is handed through is written down by whoever calls; one that is empty is not prepared.
  const handedThrough = ts.isIdentifier(name) && name.text === 'name';
  return handedThrough || (ts.isStringLiteral(name) && name.text === '') ? undefined : written;
}

function writtenInCall(call: ts.CallExpression, checker: ts.TypeChecker): Written | undefined {
  const parameters = checker.getResolvedSignature(call)?.parameters ?? [];
  const [on] = parameters;
  if (!on || !checker.getTypeOfSymbol(on).getProperty('query')) return undefined;
  const names = parameters.map((parameter) => parameter.name);
  const [name, text] = [call.arguments[names.indexOf('name')], call.arguments[names.indexOf('text')]];
  return name && text ? { name, text } : undefined;
}

function writtenInObject(object: ts.ObjectLiteralExpression, checker: ts.TypeChecker): Written | undefined {
  // What else has a name and a text is no statement.
  const takesValues =
    checker.getContextualType(object)?.getProperty('values') ??
    object.properties.find((property) => property.name?.getText() === 'values');
  if (!takesValues) return undefined;
  const valueOf = (key: string): ts.Expression | undefined => {
    for (const property of object.properties) {
      if (property.name?.getText() !== key) continue;
      if (ts.isPropertyAssignment(property)) return property.initializer;
      if (ts.isShorthandPropertyAssignment(property)) return property.name;
    }
    return undefined;
  };
  const [name, text] = [valueOf('name'), valueOf('text')];
  return name && text ? { name, text } : undefined;
}

function asSite(
  source: ts.SourceFile,
  node: ts.Node,
  { name, text }: Written,
  checker: ts.TypeChecker,
): StatementSite {
  const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
  const literal = literalOf(name);
  return {
    at: `${relative(ROOT, source.fileName)}:${line}`,
    file: source.fileName,
    name: patternOf(name),
    literal,
    text: literal === null ? null : literalOf(text),
    unnamed: [...localsIn(text, checker)].filter((local) => !localsIn(name, checker).has(local)),
  };
}

function literalOf(expression: ts.Expression): string | null {
  return ts.isStringLiteralLike(expression) ? expression.text : null;
}

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** A helper may put the area before the name. */
function patternOf(name: ts.Expression): RegExp {
  const literal = literalOf(name);
  if (literal !== null) return new RegExp(String.raw`^(\w+\.)?${escaped(literal)}$`);
  if (!ts.isTemplateExpression(name))
    throw new Error(`the name of a statement is not written out: ${name.getText()}`);
  const parts = name.templateSpans.map((span) => `.+${escaped(span.literal.text)}`);
  return new RegExp(`^${escaped(name.head.text)}${parts.join('')}$`);
}

/** Names of parameters and of variables of a function in an expression, except of those that it declares itself. */
function localsIn(expression: ts.Expression, checker: ts.TypeChecker): Set<string> {
  const locals = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const declaration = checker.getSymbolAtLocation(node)?.valueDeclaration;
      const isOutside =
        declaration && !(declaration.pos >= expression.pos && declaration.end <= expression.end);
      if (isOutside && isLocal(declaration)) locals.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(expression);
  return locals;
}

function isLocal(declaration: ts.Node): boolean {
  if (
    !ts.isParameter(declaration) &&
    !ts.isVariableDeclaration(declaration) &&
    !ts.isBindingElement(declaration)
  )
    return false;
  return ts.findAncestor(declaration, ts.isFunctionLike) !== undefined;
}

function choicesOf(signature: ts.Signature, checker: ts.TypeChecker): Choices {
  return signature.parameters.map((parameter) => {
    const type = checker.getTypeOfSymbol(parameter);
    const members = type.isUnion() ? type.types : [type];
    const values = members.map((member) =>
      member.isStringLiteral()
        ? member.value
        : member.flags & ts.TypeFlags.BooleanLiteral
          ? checker.typeToString(member) === 'true'
          : undefined,
    );
    const listed = values.filter((value) => value !== undefined);
    return listed.length > 0 && listed.length === values.length ? listed : null;
  });
}
