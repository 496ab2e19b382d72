import type { Queryable } from '../../platform/database/database';
import { pagesOf } from '../../platform/database/pages';
import { csvLine, Numeral } from '../../platform/csv';
import { majorUnits, minorDigits } from '../catalog/currencies';
import { selectCut, selectLines } from './queries';
import type { PayoutView, StatementLine } from './types';

const HEADER = csvLine(['date', 'at', 'kind', 'order_id', 'payment_id', 'source_id', 'currency', 'amount']);
const PAGE = 5_000;

/**
 * The statement of a payout as CSV (RFC 4180): its lines in the order in which they were written, read page by page as they are taken. Their
 * amounts, in major units, come to what is paid; what the merchant is owed less is negative.
 */
export async function* statementCsv(
  on: Queryable,
  { id, currency }: Pick<PayoutView, 'id' | 'currency'>,
): AsyncGenerator<string> {
  const digits = minorDigits(currency);
  yield HEADER;
  const cut = await selectCut(on, id);
  const read = (after?: StatementLine) => selectLines(on, cut, { after: after?.id ?? 0, limit: PAGE });
  for await (const lines of pagesOf(PAGE, read))
    yield lines.map((line) => lineOf(line, currency, digits)).join('');
}

function lineOf(line: StatementLine, currency: string, digits: number): string {
  const { day, at, kind, orderId, paymentId, sourceId, minor } = line;
  const amount = new Numeral(majorUnits(BigInt(minor), digits));
  return csvLine([day, at, kind, orderId, paymentId, sourceId, currency, amount]);
}
