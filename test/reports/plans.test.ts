import { dailyReport, monthlyReport } from '../../domain/reports/sales';
import { openTestShop, type TestShop } from '../support/fixtures';
import { rowsRead } from '../support/rows-read';

const ORDERS = 60_000;
const DAYS = 30;

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
  const { pool } = shop.db;
  const none = '0, 0, 0, 0, 0, 0, 0';
  await pool.query(
    `insert into report_sums
     select d.dimension, m.minutes, date_bin(make_interval(mins => m.minutes), q.at, timestamptz '2000-01-01Z'), q.n, 'USD', 1, 100, 0, 0, ${none}
     from (select n, timestamptz '2026-06-01Z' + make_interval(mins => 15 * (n % ${DAYS * 96})) as at from generate_series(1, ${ORDERS}) n) q
     cross join (values (15), (180), (1440)) m (minutes) cross join (values ('all'), ('product')) d (dimension)
     where d.dimension <> 'all' or m.minutes = 15`,
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

const REPORTS = /^reports\.(figures|orders|money|goods)_/;

test('a day is read by its sums of that day and by what they lack, whatever there is of other days', async () => {
  const read = await rowsRead(shop.db, REPORTS, (db) =>
    dailyReport(db, { date: '2026-06-03', tz: 'Europe/Paris', products: 100 }),
  );
  const day = ORDERS / DAYS;
  // With what is at its edges.
  // All by quarter of an hour; each bucket has other products here, so that of these each is read once as well: by three hours, and at the edges
  // by quarters of an hour.
  expect(read['report_sums']).toBeGreaterThan(0.9 * 2 * day);
  expect(read['report_sums']).toBeLessThan(1.2 * 2 * day);
  // Those that are not summed, and then all of their payments.
  expect(read['money_ledger']).toBe(100);
  expect(read['order_events']).toBe(50);
});

test('products of a month are read by its days, and at its edges by shorter times', async () => {
  const read = await rowsRead(shop.db, REPORTS, (db) =>
    monthlyReport(db, { month: '2026-06', tz: 'Asia/Kolkata', products: 100 }),
  );
  expect(read['report_sums']).toBeGreaterThan(0.9 * 2 * ORDERS);
  expect(read['report_sums']).toBeLessThan(1.1 * 2 * ORDERS);
});
