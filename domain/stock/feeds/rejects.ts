import { csvLine, csvLines, type CsvValue } from '../../../platform/csv';
import type { Queryable } from '../../../platform/database/database';
import { selectRejects } from './queries';

const PAGE = 2_000;

/** The rejected rows of a feed as CSV (RFC 4180), in the order of their lines, read page by page as they are taken. */
export async function* feedRejectsCsv(on: Queryable, jobId: string): AsyncGenerator<string> {
  yield csvLine(['line', 'sku', 'location', 'quantity', 'code', 'reason']);
  let after = 0;
  for (;;) {
    const page = await selectRejects(on, jobId, after, PAGE);
    const last = page.at(-1);
    if (!last) return;
    yield csvLines(
      page.map(({ line, sku, location, quantity, code, reason }) => [
        line,
        sku,
        location,
        numberOrText(quantity),
        code,
        reason,
      ]),
    );
    if (page.length < PAGE) return;
    after = last.line;
  }
}

/** A quantity that is a whole number is one; what else stood in its place is text, and may be meant as a formula. */
function numberOrText(quantity: string | null): CsvValue {
  if (quantity === null || !/^-?\d{1,15}$/.test(quantity)) return quantity;
  const amount = Number(quantity);
  return String(amount) === quantity ? amount : quantity;
}
