import { execute, many, one, type Transaction } from '../../platform/database/database';
import type { HistorySize } from './history-model';

/** Ids in the order in which they were made, and of which months the history is. */
export interface HistoryCatalogue {
  productIds: number[];
  warehouseIds: number[];
  /** Milliseconds since 1970: the begins of its months, and the begin of today (UTC), up to which it goes. */
  months: number[];
  end: number;
}

/** Categories, warehouses and products of their own, with prices. In one statement. */
export function insertHistoryCatalogue(
  tx: Transaction,
  { run, size, months }: { run: string; size: HistorySize; months: number },
): Promise<HistoryCatalogue> {
  return one<HistoryCatalogue & Record<string, unknown>>(
    tx,
    'demo.insert_history_catalogue',
    `with classes as (
       insert into categories (code, name)
       select 'HISTORY-' || $1 || '-' || n, 'Seeded category ' || n from generate_series(0, $4::int - 1) n order by n returning id
     ), places as (
       insert into warehouses (code, name, latitude, longitude, region)
       select 'HISTORY-' || $1 || '-' || n, 'Seeded warehouse ' || n, 30 + n % 30, n % 60,
         (array['eu-west', 'eu-central', 'us-east', 'us-west'])[1 + n % 4]
       from generate_series(0, $3::int - 1) n order by n returning id
     ), sold as (
       insert into products (sku, name, price_minor, currency, category_id)
       select 'HISTORY-' || $1 || '-' || lpad(n::text, 7, '0'), 'Seeded product ' || n, 299 + (n::bigint * 7919) % 19800, 'USD', c.ids[1 + n % $4::int]
       from generate_series(0, $2::int - 1) n cross join (select array_agg(id order by id) as ids from classes) c order by n returning id
     )
     select (select array_agg(id order by id) from sold) as "productIds", (select array_agg(id order by id) from places) as "warehouseIds",
       (select array_agg((extract(epoch from m at time zone 'UTC') * 1000)::float8 order by m)
        from generate_series(greatest(date_trunc('month', clock_timestamp() at time zone 'UTC') - make_interval(months => $5),
            (select max(upper_bound) at time zone 'UTC' from ledger_folds)), date_trunc('day', clock_timestamp() at time zone 'UTC') - interval '1 day', interval '1 month') m) as months,
       (extract(epoch from date_trunc('day', clock_timestamp(), 'UTC')) * 1000)::float8 as end`,
    [run, size.products, size.warehouses, size.categories, months],
  );
}

/** A table for a month that the ledger does not have; null: it has it. */
export async function makeLedgerMonth(tx: Transaction, month: string): Promise<string | null> {
  const { name } = await one<{ name: string | null }>(
    tx,
    'demo.make_ledger_month',
    'select make_ledger_month($1::date) as name',
    [month],
  );
  return name;
}

/** With its indexes, which are made now. */
export function attachLedgerMonth(tx: Transaction, month: string): Promise<unknown> {
  return many(tx, 'demo.attach_ledger_month', 'select attach_ledger_month($1::date)', [month]);
}

const LEDGER = 'inventory_transactions';

/** The text of a COPY of moves: of a month's own table, which is named as the ledger and has something behind that, or of the ledger. */
export function copyMoves(table: string | null): string {
  return `copy inventory_transactions${(table ?? LEDGER).slice(LEDGER.length)} (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reason, actor) from stdin`;
}

export const COPY_STOCK = 'copy stock (product_id, warehouse_id, on_hand) from stdin';

export const COPY_COSTS =
  'copy product_cost_steps (product_id, at, average_minor, costed_units, owned_units, currency) from stdin';

/** Keys of effects of a month whose own trigger did not run yet. */
export function insertLedgerKeys(tx: Transaction, keys: readonly string[]): Promise<number> {
  return execute(tx, 'demo.insert_ledger_keys', 'insert into ledger_keys (key) select unnest($1::text[])', [
    keys,
  ]);
}

/** What products cost now: as since the begin, of the units that are there. */
export function insertHistoryCosts(tx: Transaction, productIds: readonly number[]): Promise<number> {
  return execute(
    tx,
    'demo.insert_history_costs',
    `insert into product_costs (product_id, currency, average_minor, costed_units)
     select k.product_id, k.currency, k.average_minor, sum(s.on_hand)
     from product_cost_steps k join stock s on s.product_id = k.product_id
     where k.product_id between $1 and $2 group by 1, 2, 3`,
    [productIds[0] ?? 0, productIds.at(-1) ?? 0],
  );
}
