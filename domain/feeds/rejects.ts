import type { Queryable } from '../../platform/database';
import { selectRejects } from './queries';

const PAGE = 2_000;

/** The rejected rows of a feed as CSV (RFC 4180), in the order of their lines, read page by page as they are taken. */
export async function* feedRejectsCsv(on: Queryable, jobId: string): AsyncGenerator<string> {
  yield 'line,sku,location,quantity,code,reason\n';
  let after = 0;
  for (;;) {
    const page = await selectRejects(on, jobId, after, PAGE);
    const last = page.at(-1);
    if (!last) return;
    yield page
      .map(({ line, sku, location, quantity, code, reason }) =>
        [String(line), quoted(sku), quoted(location), quoted(quantity), code, quoted(reason)].join(','),
      )
      .join('\n')
      .concat('\n');
    if (page.length < PAGE) return;
    after = last.line;
  }
}

function quoted(text: string | null): string {
  if (text === null) return '';
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
