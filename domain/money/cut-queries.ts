import { many, one, type Queryable } from '../../platform/database/database';

/** The last entry of the money ledger that can be seen; 0: there is none. */
export async function selectLastEntry(on: Queryable): Promise<number> {
  const { last } = await one<{ last: number }>(
    on,
    'money.last_entry',
    'select coalesce(max(id), 0) as last from money_ledger',
  );
  return last;
}

/**
 * Transactions that have taken an id of the money ledger, by their virtual ids. Whoever has holds the lock of its sequence until its rows can
 * be seen, or never will.
 */
export async function selectLedgerWriters(on: Queryable): Promise<Set<string>> {
  const found = await many<{ transaction: string }>(
    on,
    'money.ledger_writers',
    `select distinct virtualtransaction as transaction from pg_locks
     where locktype = 'relation' and relation = pg_get_serial_sequence('money_ledger', 'id')::regclass and granted
       and mode = 'RowExclusiveLock' and database = (select oid from pg_database where datname = current_database())`,
  );
  return new Set(found.map(({ transaction }) => transaction));
}
