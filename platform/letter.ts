/** What a mail says, before it is text or HTML. All of it is plain text. */
export interface Letter {
  /** One line. */
  subject: string;
  greeting: string;
  paragraphs: readonly string[];
  /** What is ordered, with what it costs. */
  table?: { rows: readonly { label: string; value: string }[]; total: { label: string; value: string } | null };
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
    lines.push(...rows.map(({ label, value }) => `${oneLine(label)}: ${value}`), '');
  }
  if (link) lines.push(`${link.label}: ${link.url}`, '');
  return lines.join('\n');
}

/** The same as HTML, in which nothing that somebody has written is markup. */
export function asHtml({ subject, greeting, paragraphs, table, link }: Letter, language: string): string {
  const paragraph = (text: string) => `<p>${escapeHtml(text).replaceAll('\n', '<br>')}</p>`;
  const row = (cell: 'td' | 'th', { label, value }: { label: string; value: string }) =>
    `<tr><${cell} style="text-align:left;padding:2px 16px 2px 0">${escapeHtml(label)}</${cell}>` +
    `<${cell} style="text-align:right">${escapeHtml(value)}</${cell}></tr>`;
  return [
    `<!doctype html><html lang="${escapeHtml(language)}"><head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>`,
    '<body style="font-family:sans-serif">',
    paragraph(greeting),
    ...paragraphs.map(paragraph),
    ...(table
      ? [
          '<table>',
          ...table.rows.map((each) => row('td', each)),
          ...(table.total ? [row('th', table.total)] : []),
          '</table>',
        ]
      : []),
    ...(link ? [linkOf(link)] : []),
    '</body></html>',
  ].join('\n');
}

/** A link where it is one by HTTP, else the text: a token is none. */
function linkOf({ label, url }: { label: string; url: string }): string {
  if (!/^https?:\/\//.test(url)) return `<p>${escapeHtml(label)}: <code>${escapeHtml(url)}</code></p>`;
  return `<p><a href="${escapeHtml(url)}">${escapeHtml(label)}</a></p>`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char);
}
