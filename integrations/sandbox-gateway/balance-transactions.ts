import { majorUnits, minorDigits } from '../../domain/catalog/currencies';
import { csvLine, Numeral } from '../../platform/csv';
import type { Queryable } from '../../platform/database/database';
import { selectBalanceTransactions, type BalanceTransaction } from './balance-transaction-queries';

const HEADER = csvLine([
  'balance_transaction_id',
  'created_utc',
  'currency',
  'gross',
  'fee',
  'net',
  'reporting_category',
  'source_id',
  'payment_intent_id',
  'automatic_payout_id',
]);
const DAY_MS = 86_400_000;

/**
 * What the sandbox gateway says that it did, as CSV in the columns of Stripe's itemised reports, day by day as it is taken. It charges no
 * fees, and pays out what is left of each day and currency once the day is over.
 *
 * @param range days in UTC, `YYYY-MM-DD`, both included
 */
export async function* balanceTransactionsCsv(
  on: Queryable,
  { from, to }: { from: string; to: string },
): AsyncGenerator<string> {
  yield HEADER;
  for (let day = Date.parse(from); day <= Date.parse(to); day += DAY_MS) {
    const rows = await selectBalanceTransactions(on, new Date(day).toISOString().slice(0, 10));
    if (rows.length > 0) yield rows.map(lineOf).join('');
  }
}

function lineOf({
  id,
  created,
  currency,
  minor,
  category,
  sourceId,
  chargeRef,
  payoutRef,
}: BalanceTransaction) {
  const amount = (of: bigint) => new Numeral(majorUnits(of, minorDigits(currency)));
  const gross = amount(BigInt(minor));
  return csvLine([id, created, currency, gross, amount(0n), gross, category, sourceId, chargeRef, payoutRef]);
}
