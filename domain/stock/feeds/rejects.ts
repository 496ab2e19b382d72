import { csvLine, csvLines, type CsvValue } from '../../../platform/csv';
import type { Queryable } from '../../../platform/database/database';
import { pagesOf } from '../../../platform/database/pages';
import { readUpload } from '../../uploads/uploads';
import { selectRejects, type RejectRow } from './queries';
import { rejectsHeader } from './rules';

const PAGE = 2_000;

/**
 * The rejected rows of a feed as CSV (RFC 4180), in the order of their lines, read page by page as they are taken. It has
 * what the rows said, so that what is corrected in the file can be sent again.
 */
export async function* feedRejectsCsv(on: Queryable, jobId: string): AsyncGenerator<string> {
  const { mode, lotLines } = await readUpload(on, jobId);
  const isSet = mode === 'set';
  const hasLots = lotLines > 0;
  yield csvLine(rejectsHeader({ isSet, hasLots }));
  const read = (after?: RejectRow) => selectRejects(on, jobId, after?.line ?? 0, PAGE);
  for await (const page of pagesOf(PAGE, read)) {
    yield csvLines(
      page.map(
        ({ line, sku, location, lot, expiresOn, quantity, code, reason, asOf, reference, rowReason }) => [
          line,
          sku,
          location,
          numberOrText(quantity),
          code,
          reason,
          ...(isSet ? [asOf] : []),
          reference,
          rowReason,
          ...(hasLots ? [lot, expiresOn] : []),
        ],
      ),
    );
  }
}

/** A quantity that is a whole number is one; what else stood in its place is text, and may be meant as a formula. */
function numberOrText(quantity: string | null): CsvValue {
  if (quantity === null || !/^-?\d{1,15}$/.test(quantity)) return quantity;
  const amount = Number(quantity);
  return String(amount) === quantity ? amount : quantity;
}
