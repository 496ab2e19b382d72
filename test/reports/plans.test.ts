import { recordStatements } from '../../bench/explain/recorder';
import { dailyReport } from '../../domain/reports/sales';
import { openTestShop, type TestShop } from '../support/fixtures';

const ORDERS = 60_000;
const DAYS = 30;

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
  const { pool } = shop.db;
  await pool.query(
    `insert into report_sales (bucket, product_id, warehouse_id, currency, merchant_id, units, sales_minor, returned_units, returned_minor)
     select date '2026-06-01' + make_interval(mins => 15 * (n % ${DAYS * 96})), n, 1, 'USD', 1, 1, 100, 0, 0 from generate_series(1, ${ORDERS}) n`,
  );
  await pool.query(
    `insert into report_money (bucket, merchant_id, currency, captured_minor, refunded_minor, disputed_minor, fee_minor)
     select date '2026-06-01' + make_interval(mins => 15 * (n % ${DAYS * 96})), n, 'USD', 100, 0, 0, 0 from generate_series(1, ${ORDERS}) n`,
  );
  // What the sums have, and what they lack.
  await pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id)
     select '2026-06-03T12:00:00Z', '2026-06-03', 'capture', 'gateway_clearing', 'merchant_payable', 1, 100, 'USD', gen_random_uuid(), gen_random_uuid()
     from generate_series(1, ${ORDERS}) n`,
  );
  await pool.query(
    `with made as (
       insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
       values (gen_random_uuid(), 'c', 'cancelled', 'complete', 'USD', 0, 900, '{}') returning id)
     insert into order_events (order_id, seq, type, at) select made.id, n, 'order_placed', '2026-06-03T12:00:00Z'
     from made, generate_series(1, ${ORDERS}) n`,
  );
  await pool.query(`update event_sources set scanned_to = ${ORDERS - 50} where source = 'orders'`);
  await pool.query(`update event_sources set scanned_to = ${ORDERS - 50} where source = 'money'`);
  await pool.query('vacuum analyze');
});
afterAll(() => shop.close());

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

test('a day is read by its sums of that day and by what they lack, whatever there is of other days', async () => {
  const { db } = shop;
  const statements = await recordStatements(db, async (on) => {
    await dailyReport(on, { date: '2026-06-03', tz: 'Europe/Paris', products: 100 });
  });
  const read: Record<string, number> = {};
  for (const { text, values, name } of statements) {
    if (!/^reports\.(sales|money|orders)_by/.test(name)) continue;
    const { rows } = await db.pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (analyze, format json) ${text}`,
      values,
    );
    for (const node of nodesOf(
      rows[0]?.['QUERY PLAN'][0].Plan ?? { 'Node Type': '', 'Actual Rows': 0, 'Actual Loops': 0 },
    )) {
      const table = node['Relation Name'];
      if (table === undefined) continue;
      const looked = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
      read[table] = (read[table] ?? 0) + looked;
    }
  }
  const day = ORDERS / DAYS;
  // With what is at its edges.
  for (const table of ['report_sales', 'report_money']) {
    expect(read[table]).toBeGreaterThan(0.9 * day);
    expect(read[table]).toBeLessThan(1.2 * day);
  }
  expect(read['money_ledger']).toBe(50);
  expect(read['order_events']).toBe(50);
});
