import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** A statement in a source file that writes a table. */
export interface TableWrite {
  /** From the repository's root, with slashes. */
  file: string;
  table: string;
}

/** A table whose name is put in at run time, which cannot be told from the text. */
export const UNKNOWN_TABLE = '(put in at run time)';

/** What an expression in a template stands for. */
const PLACEHOLDER = '\u0000';

const NAME = `(${PLACEHOLDER}|[a-z_][a-z0-9_.]*)`;
const WRITES = [
  new RegExp(
    `\\b(?:insert\\s+into|delete\\s+from|merge\\s+into|truncate(?:\\s+table)?|copy)\\s+(?:only\\s+)?${NAME}`,
    'gi',
  ),
  // Not the lock clause `for update of t`, nor `do update set`.
  new RegExp(`\\bupdate\\s+(?:only\\s+)?${NAME}(?:\\s+(?:as\\s+)?[a-z_]\\w*)?\\s+set\\b`, 'gi'),
];

/** Tables that the SQL texts of a source write: found in its strings and templates, not in its comments or names. */
export function writtenTables(source: string): string[] {
  const found = new Set<string>();
  for (const text of textsOf(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest))) {
    for (const pattern of WRITES) {
      for (const [, name = ''] of text.matchAll(pattern)) {
        found.add(name === PLACEHOLDER ? UNKNOWN_TABLE : name.toLowerCase());
      }
    }
  }
  return [...found].sort();
}

function textsOf(node: ts.Node): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node)) {
    const own = node.head.text + node.templateSpans.map(({ literal }) => PLACEHOLDER + literal.text).join('');
    return [own, ...node.templateSpans.flatMap(({ expression }) => textsOf(expression))];
  }
  const texts: string[] = [];
  ts.forEachChild(node, (child) => void texts.push(...textsOf(child)));
  return texts;
}

/** What the sources under these folders write, by file. */
export function tableWrites(root: string, folders: readonly string[]): TableWrite[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(folder, name),
      ),
    )
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replaceAll('\\', '/'))
    .sort()
    .flatMap((file) =>
      writtenTables(readFileSync(join(root, file), 'utf8')).map((table) => ({ file, table })),
    );
}

export interface Ownership {
  /** Folder → tables that only it writes. */
  owners: Readonly<Record<string, readonly string[]>>;
  /** File → tables of others that it writes nevertheless. */
  exceptions: Readonly<Record<string, readonly string[]>>;
}

/** What is wrong: a table that is written from elsewhere, has no owner or two, and an exception that is not needed. */
export function ownershipFaults(writes: readonly TableWrite[], { owners, exceptions }: Ownership): string[] {
  const faults: string[] = [];
  const ownerOf = new Map<string, string>();
  for (const [folder, tables] of Object.entries(owners)) {
    for (const table of tables) {
      const other = ownerOf.get(table);
      if (other !== undefined) faults.push(`${table} has two owners: ${other} and ${folder}`);
      ownerOf.set(table, folder);
      if (!writes.some((write) => write.table === table && write.file.startsWith(`${folder}/`)))
        faults.push(`${table} is not written by its owner ${folder}`);
    }
  }
  const used = new Set<string>();
  for (const { file, table } of writes) {
    const owner = ownerOf.get(table);
    if (owner !== undefined && file.startsWith(`${owner}/`)) continue;
    if (exceptions[file]?.includes(table)) used.add(`${file} ${table}`);
    else
      faults.push(
        `${file} writes ${table}, which ${owner === undefined ? 'has no owner' : `only ${owner} may write`}`,
      );
  }
  for (const [file, tables] of Object.entries(exceptions)) {
    for (const table of tables) {
      if (!used.has(`${file} ${table}`)) faults.push(`${file} needs no exception for ${table}`);
    }
  }
  return faults;
}
