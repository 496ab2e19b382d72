import { csvLine } from '../../../platform/csv';
import type { Queryable } from '../../../platform/database/database';
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
        csvLine([line, sku, location, quantity, code, reason]),
      )
      .join('');
    if (page.length < PAGE) return;
    after = last.line;
  }
}
