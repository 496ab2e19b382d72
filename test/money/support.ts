import { createMerchant } from '../../domain/catalog/edit-merchants';
import { createFeeRule } from '../../domain/money/fee-rules';
import type { FeeRuleTerms } from '../../domain/money/types';
import type { Database } from '../../platform/database/database';

export const NO_FEE: FeeRuleTerms = {
  currency: 'USD',
  rateBasisPoints: 0,
  fixedMinor: 0,
  minimumMinor: 0,
  maximumMinor: null,
  isReturned: false,
};

const OPTIONS = { isRepeat: false, actor: 'test' };

/** A merchant, who sells these products from now on. */
export async function addMerchant(
  db: Database,
  id: string,
  {
    skus = [],
    zone = 'UTC',
    fee,
  }: { skus?: readonly string[]; zone?: string; fee?: Partial<FeeRuleTerms> } = {},
): Promise<void> {
  await createMerchant(db, id, { name: id, zone }, OPTIONS);
  await db.pool.query(
    'update products set merchant_id = (select id from merchants where code = $1) where sku = any ($2)',
    [id, skus],
  );
  if (fee) await createFeeRule(db, id, { ...NO_FEE, ...fee, effectiveFrom: null }, OPTIONS);
}

/** Rows of the money ledger of an order, oldest first: `kind merchant amount`; `-`: no merchant's. */
export async function entriesOf(db: Database, orderId: string): Promise<string[]> {
  const { rows } = await db.pool.query<{ entry: string }>(
    `select l.kind || ' ' || coalesce(m.code, '-') || ' ' || l.amount_minor as entry
     from payments p join money_ledger l on l.payment_id = p.id left join merchants m on m.id = l.merchant_id
     where p.order_id = $1 order by l.id`,
    [orderId],
  );
  return rows.map(({ entry }) => entry);
}

/** Sums by account: what was credited less what was debited. */
export async function balancesOf(db: Database): Promise<Record<string, number>> {
  const { rows } = await db.pool.query<{ account: string; minor: number }>(
    `select a.account, sum(a.minor)::bigint as minor from (
       select debit as account, -amount_minor as minor from money_ledger
       union all select credit, amount_minor from money_ledger) a group by 1 order by 1`,
  );
  return Object.fromEntries(rows.map(({ account, minor }) => [account, minor]));
}
