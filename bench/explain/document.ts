import type { ExplainSize } from './fill';
import type { ExplainedQuery } from './queries';
import type { Reads } from './reads';
import type { Recorded } from './recorder';

/** A statement of a query with the plan that PostgreSQL made of it. */
export interface Explained extends Recorded {
  plan: string;
  /** As PostgreSQL measured it. */
  milliseconds: number;
}

export interface Chapter {
  title: string;
  queries: readonly { query: ExplainedQuery; statements: readonly Explained[] }[];
}

/** Calls of which what they read is shown, and not their plans. */
export interface Table {
  title: string;
  about: string;
  rows: readonly { what: string; readsOn?: string | undefined; reads: Reads }[];
}

const SHOWN_VALUE = 60;

/** The Markdown of `docs/queries.md`. */
export function asDocument({
  size,
  server,
  chapters,
  tables,
}: {
  size: ExplainSize;
  server: string;
  chapters: readonly Chapter[];
  tables: readonly Table[];
}): string {
  const lines = [
    '# The major queries and their plans',
    '',
    'Written by `npm run explain`; do not edit. The statements are those that the code sends, recorded while it sends them.',
    '',
    `${server}. ${inWords(size.stockRows)} stock rows (products at 100 locations), ${inWords(size.ledgerRows)} ledger entries over twelve`,
    `months, few products that sell much and many that sell little; ${inWords(size.orders)} orders, and as many reservations without one.`,
    'Each statement ran twice; the plan is of the second run, with warm caches. Times are those of the machine; buffers (pages of 8 kB) and',
    'rows are not.',
    '',
    '| query | used by | ms |',
    '| --- | --- | --- |',
    ...chapters.flatMap(({ queries }) =>
      queries.map(({ query, statements }) => {
        const anchor = query.title
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-');
        const total = statements.reduce((sum, statement) => sum + statement.milliseconds, 0);
        return `| [${query.title}](#${anchor}) | ${query.usedBy} | ${total.toFixed(2)} |`;
      }),
    ),
    '',
    ...tables.flatMap(({ title, about, rows }) => [
      `## ${title}`,
      '',
      `${about} Rows are all that were read of tables, also those that were left out again; the index, or table, is where most were.`,
      '',
      '| what | ms | pages | rows | most of them by |',
      '| --- | --- | --- | --- | --- |',
      ...rows.map(
        ({ what, readsOn, reads: { milliseconds, pages, rows: read, by } }) =>
          `| ${what}${readsOn === undefined ? '' : ` (${readsOn})`} | ${milliseconds.toFixed(1)} | ${inWords(pages)} | ${inWords(read)} | ${by} |`,
      ),
      '',
    ]),
    ...chapters.flatMap(({ title, queries }) => [
      `## ${title}`,
      '',
      ...queries.flatMap(({ query, statements }) => [
        `### ${query.title}`,
        '',
        `Used by ${query.usedBy}.`,
        '',
        `Index: ${query.index}`,
        '',
        ...statements.flatMap(asSection),
      ]),
    ]),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

const inWords = (count: number) => count.toLocaleString('en');

function asSection({ name, text, values, plan }: Explained): string[] {
  const shown = values.map((value, index) => `$${index + 1} = ${shortened(value)}`);
  return [
    '```sql',
    `-- ${name}${shown.length > 0 ? `: ${shown.join(', ')}` : ''}`,
    outdented(text),
    '```',
    '',
    '```text',
    plan,
    '```',
    '',
  ];
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN_VALUE ? `${text.slice(0, SHOWN_VALUE)}…` : text;
}

function outdented(text: string): string {
  const [first = '', ...rest] = text.trim().split('\n');
  const indents = rest.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const indent = Math.min(...indents, 80);
  return [first, ...rest.map((line) => line.slice(indent))].join('\n');
}
