import type { Pool } from 'pg';
import { CATEGORY_OF, REGION_OF } from './support';

/** What happened, read row by row. */
export interface RawRow {
  at: Date;
  sku: string;
  warehouse: string | null;
  kind: string;
  moved: number;
  reserved: number;
  ordered: number;
  short: number;
  price: number | null;
  priceCurrency: string | null;
  average: number | null;
  costCurrency: string | null;
}

/** Everything, by no sums: movements with the price of their order and the cost of their product then, and what orders asked for. */
export async function readRaw(on: Pool): Promise<RawRow[]> {
  const { rows } = await on.query<RawRow>(
    `select t.at, p.sku, w.code as warehouse, t.kind, t.on_hand_delta as moved, t.reserved_delta as reserved, 0 as ordered, 0 as short,
       (select i.unit_price_minor::float8 from order_items i where i.order_id = t.order_id and i.product_id = t.product_id) as price,
       (select trim(o.currency) from orders o where o.id = t.order_id) as "priceCurrency",
       (select c.average_minor::float8 from product_cost_steps c where c.product_id = t.product_id and c.at <= t.at order by c.at desc limit 1) as average,
       (select trim(c.currency) from product_cost_steps c where c.product_id = t.product_id and c.at <= t.at order by c.at desc limit 1) as "costCurrency"
     from inventory_transactions t join products p on p.id = t.product_id join warehouses w on w.id = t.warehouse_id
     union all
     select e.at, i ->> 'sku', null, e.type, 0, 0, case e.type when 'order_placed' then (i ->> 'quantity')::int else 0 end,
       case e.type when 'order_placed' then 0 else (i ->> 'requested')::int - (i ->> 'available')::int end, null, null, null, null
     from order_events e cross join lateral jsonb_array_elements(coalesce(e.data -> 'shortages', e.data -> 'items')) i
     where e.type in ('order_placed', 'order_rejected', 'items_backordered', 'items_cut')`,
  );
  return rows;
}

export interface Asked {
  groupBy: 'category' | 'warehouse' | 'region' | 'product';
  /** Milliseconds; `before`: when the period before begins. */
  before: number;
  from: number;
  to: number;
  /** As far as time has come. */
  until: number;
  category?: string | undefined;
  location?: string | undefined;
  hasDemand: boolean;
}

export interface ExpectedGroup {
  units: Record<string, number | null>;
  turnover: number | null;
  daysOfCover: number | null;
  sellThrough: number | null;
  fillRate: number | null;
  growth: number | null;
  values: Record<string, Record<string, number>>;
}

const TRANSFERS = ['transfer_out', 'transfer_in'];
const SOLD = ['ship', 'ship_late'];

function keyOf(row: RawRow, groupBy: Asked['groupBy']): string | null | undefined {
  if (groupBy === 'product') return row.sku;
  if (groupBy === 'category') return CATEGORY_OF[row.sku] ?? null;
  if (row.warehouse === null) return undefined;
  return groupBy === 'warehouse' ? row.warehouse : REGION_OF[row.warehouse];
}

const sum = (rows: readonly RawRow[], of: (row: RawRow) => number) =>
  rows.reduce((before, row) => before + of(row), 0);
const over = (part: number, whole: number | null) =>
  whole === null || whole === 0 ? null : Math.round((part / whole) * 1e6) / 1e6;

/** Groups as `docs/analytics.md` defines their metrics, from rows. */
export function expectedGroups(raw: readonly RawRow[], asked: Asked): Map<string | null, ExpectedGroup> {
  const wanted = raw.filter(
    (row) =>
      (asked.category === undefined || CATEGORY_OF[row.sku] === asked.category) &&
      (asked.location === undefined || row.warehouse === asked.location),
  );
  const groups = new Map<string | null, RawRow[]>();
  for (const row of wanted) {
    const key = keyOf(row, asked.groupBy);
    if (key === undefined) continue;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return new Map([...groups].map(([key, rows]) => [key, expectedOf(rows, asked)]));
}

export function expectedOf(
  rows: readonly RawRow[],
  { before, from, to, until, hasDemand }: Asked,
): ExpectedGroup {
  const within = rows.filter(({ at }) => at.getTime() >= from && at.getTime() < to);
  const earlier = rows.filter(({ at }) => at.getTime() >= before && at.getTime() < from);
  const of = (kinds: readonly string[], sign = 1) =>
    sum(within, ({ kind, moved }) => (kinds.includes(kind) ? sign * moved : 0));
  const sold = of(SOLD, -1);
  const received = of(['receipt']);
  const opening = sum(rows, ({ at, moved }) => (at.getTime() < from ? moved : 0));
  const closing = opening + sum(within, ({ moved }) => moved);
  const seconds = Math.floor(until / 1_000) - from / 1_000;
  const lasting = sum(
    within,
    ({ at, moved }) => moved * (Math.floor(until / 1_000) - Math.floor(at.getTime() / 1_000)),
  );
  const average = over(opening * seconds + lasting, seconds);
  const soldBefore = -sum(earlier, ({ kind, moved }) => (SOLD.includes(kind) ? moved : 0));
  const ordered = sum(within, (row) => row.ordered);
  const short = sum(within, (row) => row.short);
  return {
    units: {
      sold,
      received,
      returned: of(['return']),
      adjusted: closing - opening + sold - received - of(['return']) - of(TRANSFERS),
      transferred: of(TRANSFERS),
      ordered: hasDemand ? ordered : null,
      short: hasDemand ? short : null,
      opening,
      closing,
      average,
    },
    turnover: over(sold, average),
    daysOfCover: over(closing * (seconds / 86_400), sold),
    sellThrough: over(sold, opening + received),
    fillRate: hasDemand ? over(ordered - short, ordered) : null,
    growth: until === to ? over(sold - soldBefore, Math.abs(soldBefore)) : null,
    values: expectedValues(within),
  };
}

function expectedValues(within: readonly RawRow[]): ExpectedGroup['values'] {
  const values: ExpectedGroup['values'] = {};
  const add = (currency: string | null, column: string, value: number) => {
    if (currency === null) return;
    const mine = (values[currency] ??= {
      pricedUnits: 0,
      revenueMinor: 0,
      returnedMinor: 0,
      costedUnits: 0,
      costMinor: 0,
    });
    mine[column] = (mine[column] ?? 0) + value;
  };
  for (const { kind, moved, price, priceCurrency, average, costCurrency } of within) {
    if (moved === 0) continue;
    if (kind === 'ship' && price !== null) {
      add(priceCurrency, 'pricedUnits', -moved);
      add(priceCurrency, 'revenueMinor', -moved * price);
    }
    if (kind === 'return' && price !== null) add(priceCurrency, 'returnedMinor', moved * price);
    if (SOLD.includes(kind) && average !== null) {
      add(costCurrency, 'costedUnits', -moved);
      add(costCurrency, 'costMinor', Math.round(-moved * average));
    }
  }
  return values;
}
