import { findInconsistencies } from '../../domain/assurance/run-check';
import { followSales } from '../../domain/reports/sums';
import { dailyReport } from '../../domain/reports/sales';
import type { SalesReport } from '../../domain/reports/types';
import type { Database, Queryable } from '../../platform/database/database';

/** The sums are what their sources have. Of money that tests write by hand other checks would find no payment. */
export async function expectSumsRight(db: Database): Promise<void> {
  expect(await findInconsistencies({ db }, { check: 'report_sums', mode: 'full', graceSeconds: 0 })).toEqual(
    [],
  );
}

/** Takes turns until nothing is left to add. */
export async function followAll(db: Database): Promise<void> {
  for (let turn = 0; turn < 100; turn++) if (!(await followSales(db)).found) return;
  throw new Error('there was always something to add');
}

export function dayOf(
  db: Database,
  date: string,
  { tz = 'UTC', products = 10_000 }: { tz?: string; products?: number } = {},
): Promise<SalesReport> {
  return dailyReport(db, { date, tz, products });
}

/** The day that it is, UTC. */
export async function today(db: Database): Promise<string> {
  const { rows } = await db.pool.query<{ day: string }>(
    `select (clock_timestamp() at time zone 'UTC')::date::text as day`,
  );
  return rows[0]?.day ?? '';
}

interface RawSale {
  sku: string;
  category: string | null;
  warehouse: string;
  merchant: string;
  at: Date;
  units: number;
  sales: number;
  returnedUnits: number;
  returned: number;
}

/** Rows by which a report is told in a plain way: each movement, money of payments, and orders. */
export interface Raw {
  sales: RawSale[];
  money: { merchant: string | null; captured: number; refunded: number; disputed: number; fee: number }[];
  /** As payments, refunds and disputes have it, without the money ledger. */
  captured: number;
  refunded: number;
  orders: Record<string, number>;
}

export async function rawOf(db: Database, { from, to }: { from: string; to: string }): Promise<Raw> {
  const many = async <Row extends object>(text: string, values: unknown[] = [from, to]) =>
    (await db.pool.query<Row>(text, values)).rows;
  const sales = await many<RawSale>(
    `select p.sku, c.code as category, w.code as warehouse, m.code as merchant, t.at,
       case t.kind when 'ship' then -t.on_hand_delta else 0 end as units,
       case t.kind when 'ship' then -t.on_hand_delta * i.unit_price_minor else 0 end as sales,
       case t.kind when 'return' then t.on_hand_delta else 0 end as "returnedUnits",
       case t.kind when 'return' then t.on_hand_delta * i.unit_price_minor else 0 end as returned
     from inventory_transactions t, products p left join categories c on c.id = p.category_id, warehouses w, order_items i, merchants m
     where p.id = t.product_id and w.id = t.warehouse_id and i.order_id = t.order_id and i.product_id = t.product_id
       and m.id = coalesce(i.merchant_id, p.merchant_id) and t.kind in ('ship', 'return') and t.at >= $1 and t.at < $2`,
  );
  const money = await many<Raw['money'][number]>(
    `select m.code as merchant,
       sum(case l.kind when 'capture' then l.amount_minor else 0 end)::float8 as captured,
       sum(case l.kind when 'refund' then l.amount_minor when 'refund_failed' then -l.amount_minor else 0 end)::float8 as refunded,
       sum(case l.kind when 'dispute' then l.amount_minor when 'dispute_reversed' then -l.amount_minor else 0 end)::float8 as disputed,
       sum(case l.kind when 'fee' then l.amount_minor when 'fee_returned' then -l.amount_minor else 0 end)::float8 as fee
     from money_ledger l left join merchants m on m.id = l.merchant_id
     where l.effective_at >= $1 and l.effective_at < $2 group by 1`,
  );
  const [payments] = await many<{ captured: number; refunded: number }>(
    `select coalesce(sum(captured_minor), 0)::float8 as captured, coalesce(sum(refunded_minor), 0)::float8 as refunded from payments`,
    [],
  );
  const orders = await many<{ type: string; count: number }>(
    `select type, count(*)::int as count from order_events where at >= $1 and at < $2 group by 1`,
  );
  return {
    sales,
    money,
    captured: payments?.captured ?? 0,
    refunded: payments?.refunded ?? 0,
    orders: Object.fromEntries(orders.map(({ type, count }) => [type, count])),
  };
}

const FIGURES = ['units', 'sales', 'returnedUnits', 'returned'] as const;

/** Sums of movements by what `key` says, in the order of the keys; those of which nothing moved are left out. */
export function soldBy(
  sales: readonly RawSale[],
  key: (sale: RawSale) => string | null,
): { key: string | null; units: number; sales: number; returnedUnits: number; returned: number }[] {
  const keys = [...new Set(sales.map(key))];
  return keys.map((one) => {
    const mine = sales.filter((sale) => key(sale) === one);
    const [units = 0, sold = 0, returnedUnits = 0, returned = 0] = FIGURES.map((figure) =>
      mine.reduce((sum, sale) => sum + sale[figure], 0),
    );
    return { key: one, units, sales: sold, returnedUnits, returned };
  });
}

/** A database that answers so many statements, then one more, after which its client is killed. */
export function dyingAfter(db: Database, statements: number): Database {
  let answered = 0;
  const dying = <On extends Queryable>(on: On): On => ({
    ...on,
    query: async (statement: Parameters<On['query']>[0]) => {
      const result = await on.query(statement);
      if (answered++ >= statements) throw new Error('killed');
      return result;
    },
  });
  return {
    ...dying(db),
    transaction: (work) => db.transaction((tx, commitEarly) => work(dying(tx), commitEarly)),
    retrying: (work, limits) => db.retrying((tx) => work(dying(tx)), limits),
  };
}
