import { html, type Html } from './html';

/** What a mail says, before it is text or HTML. All of it is plain text. */
export interface Letter {
  /** One line. */
  subject: string;
  greeting: string;
  paragraphs: readonly string[];
  /** What is ordered, with what it costs. */
  table?: {
    rows: readonly { label: string; value: string | null }[];
    total: { label: string; value: string } | null;
  };
  /** An address to go on at, or a token; last. */
  link?: { label: string; url: string };
}

const CONTROLS = /\p{Cc}+/gu;

/** A text on one line: what people have written may have line ends, which would begin another header. */
export function oneLine(text: string): string {
  return text.replace(CONTROLS, ' ').trim();
}

/** The text of a letter. */
export function asText({ greeting, paragraphs, table, link }: Letter): string {
  const lines = [greeting, '', ...paragraphs.flatMap((paragraph) => [paragraph, ''])];
  if (table) {
    const rows = [...table.rows, ...(table.total ? [table.total] : [])];
    lines.push(
      ...rows.map(({ label, value }) => (value === null ? oneLine(label) : `${oneLine(label)}: ${value}`)),
      '',
    );
  }
  if (link) lines.push(`${link.label}: ${link.url}`, '');
  return lines.join('\n');
}

/** The same as HTML, in which nothing that somebody has written is markup. */
export function asHtml({ subject, greeting, paragraphs, table, link }: Letter, language: string): string {
  const rows = table?.rows.map(
    (row) =>
      html`<tr>
        <td>${row.label}</td>
        <td align="right">${row.value ?? ''}</td>
      </tr>`,
  );
  const total = table?.total;
  return html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <title>${subject}</title>
      </head>
      <body style="font-family: sans-serif">
        ${[greeting, ...paragraphs].map((paragraph) => html`<p>${paragraph}</p>`)}
        ${
          rows
            ? html`<table cellpadding="4">
                ${rows}${total ? totalOf(total) : ''}
              </table>`
            : ''
        }
        ${link ? linkOf(link) : ''}
      </body>
    </html>`.text;
}

function totalOf({ label, value }: { label: string; value: string }): Html {
  return html`<tr>
    <th align="left">${label}</th>
    <th align="right">${value}</th>
  </tr>`;
}

/** A link where it is one by HTTP, else the text: a token is none. */
function linkOf({ label, url }: { label: string; url: string }): Html {
  if (!/^https?:\/\//.test(url)) return html`<p>${label}: <code>${url}</code></p>`;
  return html`<p><a href="${url}">${label}</a></p>`;
}
