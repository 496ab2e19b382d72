import type { Database } from '../../platform/database/database';

/** Where in the database a text is found, as `schema.table`: every row of every table is looked at as text. */
export async function tablesWith(db: Database, text: string): Promise<string[]> {
  const { rows: tables } = await db.pool.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await db.pool.query(
      `select from ${name} t where position(lower($1) in lower(t::text)) > 0 limit 1`,
      [text],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}

/** Sums that an erasure must not change: of orders, money, stock and what is sealed. */
export async function totals(db: Database): Promise<unknown> {
  const { rows } = await db.pool.query(
    `select
       (select json_agg(json_build_array(id, status, total_minor, currency, customer_id, created_at) order by id) from orders) as orders,
       (select json_agg(i order by order_id, line) from order_items i) as items,
       (select json_agg(json_build_array(order_id, seq, type, at, actor) order by order_id, seq) from order_events) as events,
       (select json_agg(json_build_array(id, amount_minor, captured_minor, refunded_minor, status, gateway_ref) order by id) from payments) as payments,
       (select json_agg(json_build_array(id, amount_minor, status) order by id) from refunds) as refunds,
       (select json_agg(s order by product_id, warehouse_id) from stock s) as stock,
       (select json_agg(t order by id) from inventory_transactions t) as ledger,
       (select json_agg(l order by seq) from ledger_seals l) as seals,
       (select json_agg(a order by seq) from audit_seals a) as audit_seals`,
  );
  return rows[0];
}
