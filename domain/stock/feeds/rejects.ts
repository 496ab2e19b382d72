import { csvLine, csvLines, type CsvValue } from '../../../platform/csv';
import type { Queryable } from '../../../platform/database/database';
import { rejectPages } from '../../uploads/reject-pages';
import { readUpload } from '../../uploads/uploads';
import { selectRejects } from './queries';
import { REJECTS_HEADER } from './rules';

const PAGE = 2_000;

/**
 * The rejected rows of a feed as CSV (RFC 4180), in the order of their lines, read page by page as they are taken. A feed that names
 * lots has one column more, so that what is corrected in the file can be sent again.
 */
export async function* feedRejectsCsv(on: Queryable, jobId: string): AsyncGenerator<string> {
  const hasLots = (await readUpload(on, jobId)).lotLines > 0;
  yield csvLine([...REJECTS_HEADER, ...(hasLots ? ['lot'] : [])]);
  for await (const page of rejectPages((after, size) => selectRejects(on, jobId, after, size), PAGE)) {
    yield csvLines(
      page.map(({ line, sku, location, lot, quantity, code, reason }) => [
        line,
        sku,
        location,
        numberOrText(quantity),
        code,
        reason,
        ...(hasLots ? [lot] : []),
      ]),
    );
  }
}

/** A quantity that is a whole number is one; what else stood in its place is text, and may be meant as a formula. */
function numberOrText(quantity: string | null): CsvValue {
  if (quantity === null || !/^-?\d{1,15}$/.test(quantity)) return quantity;
  const amount = Number(quantity);
  return String(amount) === quantity ? amount : quantity;
}
