import { findInconsistencies } from '../../domain/assurance/run-check';
import { statementCsv } from '../../domain/payouts/statement';
import { approvePayout, createPayout, markPaid } from '../../domain/payouts/payouts';
import type { PayoutView } from '../../domain/payouts/types';
import type { Database, Queryable } from '../../platform/database/database';
import { newId } from '../../platform/ids';

/** Writes a row of the money ledger: what the merchant is owed more, or less where it is negative; of a payment that does not matter. */
export function owe(
  on: Queryable,
  merchant: string,
  minor: number,
  { currency = 'USD', at = '2026-06-01T12:00:00Z' }: { currency?: string; at?: string } = {},
) {
  return on.query({
    name: 'test.owe',
    text: `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
           select $4::timestamptz, ($4::timestamptz at time zone m.zone)::date,
             case when $2::bigint > 0 then 'capture' else 'refund' end,
             case when $2::bigint > 0 then 'gateway_clearing' else 'merchant_payable' end,
             case when $2::bigint > 0 then 'merchant_payable' else 'refunds' end, m.id, abs($2::bigint), $3, gen_random_uuid(), gen_random_uuid()
           from merchants m where m.code = $1`,
    values: [merchant, minor, currency, at],
  });
}

export const make = (db: Database, merchant: string, currency: string | null = null, id = newId()) =>
  createPayout(db, { id, merchant, currency, actor: 'user:anna' });

export const approve = (db: Database, id: string, actor = 'user:bert') =>
  approvePayout(db, id, { actor, approval: 'second_person' });

export const paid = (db: Database, id: string, reference = `T-${newId()}`) =>
  markPaid(db, id, { reference, paidOn: null, actor: 'user:carl' });

/** Makes a payout, which is approved and paid. */
export async function payOut(db: Database, merchant: string): Promise<PayoutView> {
  const { id } = await make(db, merchant);
  await approve(db, id);
  return paid(db, id);
}

export async function statementOf(db: Database, payout: PayoutView): Promise<string> {
  let text = '';
  for await (const piece of statementCsv(db, payout)) text += piece;
  return text;
}

/** Amounts of a statement, as they stand in it. */
export const amountsOf = (statement: string) =>
  statement
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',').at(-1) ?? '');

/** What the check of payouts finds. */
export const findings = (db: Database) =>
  findInconsistencies({ db }, { check: 'payouts', mode: 'full', graceSeconds: 0 });

export async function expectSound(db: Database): Promise<void> {
  expect(await findings(db)).toEqual([]);
}
