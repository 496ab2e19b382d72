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

/** As where the version before may still run: the backfill looks at all payments again, and begins with its first pass. */
export async function beginBackfill(db: Database): Promise<void> {
  await db.pool.query(
    `update money_backfill set after = null, posted = 0, passes = 0, finished_at = null, next_pass_at = clock_timestamp()`,
  );
}
