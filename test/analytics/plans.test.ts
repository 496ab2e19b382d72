import { inventoryAnalytics } from '../../domain/analytics/groups';
import { productAnalytics } from '../../domain/analytics/product';
import { rowsRead } from '../support/rows-read';
import { openAnalyticsShop, type AnalyticsShop } from './support';

let shop: AnalyticsShop;
const DAYS = 600;
const UNSUMMED = 50;

beforeAll(async () => {
  shop = await openAnalyticsShop();
  await shop.owner.query(
    `insert into analytics_category_days (day, category_id, warehouse_id, currency, sold_units)
     select date '2024-01-01' + d, c, 1, 'XXX', 1 from generate_series(0, ${DAYS - 1}) d, generate_series(1, 40) c`,
  );
  await shop.owner.query(
    `insert into analytics_category_months (month, category_id, warehouse_id, currency, sold_units)
     select date_trunc('month', day)::date, category_id, warehouse_id, currency, sum(sold_units) from analytics_category_days group by 1, 2, 3, 4`,
  );
  await shop.owner.query(
    `insert into analytics_product_days (product_id, day, warehouse_id, currency, sold_units)
     select p, date '2024-01-01' + d, 1, 'XXX', 1 from generate_series(1, 100) p, generate_series(0, ${DAYS - 1}, 3) d`,
  );
  await shop.owner.query(
    `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select 1 + n % 5, 1, 'receipt', 1, 0, gen_random_uuid() from generate_series(1, 20000) n`,
  );
  await shop.owner.query(
    `update event_sources set scanned_to = (select max(id) - ${UNSUMMED} from inventory_transactions) where source = 'ledger'`,
  );
  await shop.owner.query('vacuum analyze');
});
afterAll(() => shop.close());

test('a period of categories is read by its months, the days at their edges, and what the sums lack', async () => {
  const read = await rowsRead(shop.db, /^analytics\.by_category$/, (on) =>
    inventoryAnalytics(on, {
      groupBy: 'category',
      from: '2025-02-11',
      to: '2025-05-11',
      tz: 'UTC',
      limit: 20,
    }),
  );
  // Whole months before and in the period, and in the one before it.
  expect(read['analytics_category_months']).toBeLessThan(40 * (13 + 2 + 2 + 1));
  // Of five edges, each less than a month.
  expect(read['analytics_category_days']).toBeGreaterThan(40);
  expect(read['analytics_category_days']).toBeLessThan(40 * 5 * 31);
  expect(read['inventory_transactions']).toBe(UNSUMMED);
});

test('a product is read by its own days', async () => {
  const read = await rowsRead(shop.db, /^analytics\.product_days$/, (on) =>
    productAnalytics(on, { sku: 'A-1', from: '2025-02-11', to: '2025-05-11' }),
  );
  expect(read['analytics_product_days']).toBe(DAYS / 3);
  expect(read['inventory_transactions']).toBe(UNSUMMED);
});

test('a page of products is read by the days of its products', async () => {
  const read = await rowsRead(shop.db, /^analytics\.by_product$/, (on) =>
    inventoryAnalytics(on, { groupBy: 'product', from: '2025-02-11', to: '2025-05-11', tz: 'UTC', limit: 1 }),
  );
  // Of the product and of the one that tells whether there are more, and what was there before; of a hundred products.
  expect(read['analytics_product_days']).toBeLessThan((2 * 3 * DAYS) / 3);
  expect(read['inventory_transactions']).toBe(UNSUMMED);
});
