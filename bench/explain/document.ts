import type { ExplainSize } from './fill';
import type { ExplainedQuery } from './queries';
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

const SHOWN_VALUE = 60;

/** The Markdown of `docs/queries.md`. */
export function asDocument(size: ExplainSize, server: string, chapters: readonly Chapter[]): string {
  const rows = (count: number) => count.toLocaleString('en');
  const lines = [
    '# The major queries and their plans',
    '',
    'Written by `npm run explain`; do not edit. The statements are those that the code sends, recorded while it sends them.',
    '',
    `${server}. ${rows(size.stockRows)} stock rows (products at 100 locations), ${rows(size.ledgerRows)} ledger entries over twelve`,
    'months, few products that sell much and many that sell little. Each statement ran twice; the plan is of the second run, with warm',
    'caches. Times are those of the machine; buffers (pages of 8 kB) and rows are not.',
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
