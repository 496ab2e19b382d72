import { postUnposted } from '../../domain/payments/backfill';
import type { Database } from '../../platform/database/database';

/** Writes the money ledger anew, of payments that a test has written or changed by hand. */
export async function postMoneyAgain(db: Database): Promise<void> {
  await db.pool.query(
    `begin; alter table money_ledger disable trigger money_ledger_append_only; delete from money_ledger;
     alter table money_ledger enable trigger money_ledger_append_only; commit`,
  );
  const { rows } = await db.pool.query<{ id: string }>('select id from payments order by id');
  for (const { id } of rows) await db.transaction((tx) => postUnposted(tx, id));
}
