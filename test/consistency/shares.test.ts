import { SQL_CHECKS, statementOf } from '../../domain/assurance/checks/checks';
import { EVERYTHING } from '../../domain/assurance/share';
import { boundShare, moveShare, selectShare } from '../../domain/assurance/share-queries';
import type { CheckId, Share } from '../../domain/assurance/types';
import { openTestShop, type TestShop } from '../support/fixtures';
import { tamper } from './support';

const PRODUCTS = 10;
/** Of each product, as of each reservation's lines. */
const PLACES = 2;

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
  await tamper(
    shop.url,
    `insert into products (sku, name, price_minor, currency, lot_tracked) select 'P' || n, 'P', 1, 'USD', n % 2 = 0
     from generate_series(1, ${PRODUCTS}) n order by n`,
    `insert into warehouses (code, name, latitude, longitude, region) select 'W' || n, 'W', 1, 1, 'r' from generate_series(1, ${PLACES}) n`,
    `insert into stock (product_id, warehouse_id, on_hand) select p.id, w.id, 5 from products p, warehouses w where p.id <= ${PRODUCTS}`,
    `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, xid)
     select product_id, warehouse_id, 'opening', 5, 0, gen_random_uuid(), '1' from stock`,
    `insert into ledger_keys (key) select kind || ':' || effect_id from inventory_transactions`,
    `insert into ledger_checkpoint (product_id, warehouse_id, on_hand, reserved) select product_id, warehouse_id, 5, 0 from stock`,
    `insert into product_lots (product_id, code, code_key) select id, 'L', 'l' from products where lot_tracked`,
    `insert into lots (product_id, warehouse_id, code, quantity, master_id)
     select s.product_id, s.warehouse_id, 'L', 5, m.id from stock s join product_lots m on m.product_id = s.product_id`,
    `insert into lot_movements (lot_id, product_id, warehouse_id, kind, effect_id, quantity)
     select id, product_id, warehouse_id, 'opening', gen_random_uuid(), 5 from lots`,
  );
});
afterAll(() => shop.close());

async function found(check: CheckId, share: Share): Promise<string[]> {
  const of = SQL_CHECKS.get(check);
  if (!of) throw new Error(`there is no check ${check}`);
  const { rows } = await shop.db.query(
    statementOf(of, {
      mode: 'incremental',
      limit: 100,
      graceSeconds: 0,
      since: new Date(Date.now() + 3_600_000),
      summedUp: { xid: Number.MAX_SAFE_INTEGER, id: 0 },
      share,
    }),
  );
  return rows.map((row) => String(row['subject'])).sort();
}

const products = (after: number, upTo: number | null): Share => ({
  ...EVERYTHING,
  productsAfter: after,
  productsUpTo: upTo,
});

test('shares follow each other until every row was looked at, and begin anew', async () => {
  const seen: [number, number | null][] = [];
  for (let run = 0; run < 4; run++) {
    // Seven rows on: the row after six.
    await shop.db.transaction((tx) => moveShare(tx, null, 6));
    const { productsAfter, productsUpTo } = await selectShare(shop.db);
    seen.push([productsAfter, productsUpTo]);
  }
  expect(seen).toEqual([
    [0, 4],
    [4, 8],
    [8, null],
    [0, 4],
  ]);
});

test('a share that was a whole table ends earlier when its table has grown since', async () => {
  await shop.db.transaction((tx) => moveShare(tx, null, 100));
  const { productsAfter, productsUpTo } = await selectShare(shop.db);
  expect(productsUpTo).toBeNull();
  await boundShare(shop.db, 2);
  expect(await selectShare(shop.db)).toMatchObject({ productsAfter, productsUpTo: productsAfter + 2 });
  await boundShare(shop.db, 2);
  expect(await selectShare(shop.db)).toMatchObject({ productsAfter, productsUpTo: productsAfter + 2 });
});

test.each([
  ['on_hand_ledger', 'update stock set on_hand = on_hand + 1', 'update stock set on_hand = on_hand - 1'],
  ['reserved_ledger', 'update stock set reserved = 1', 'update stock set reserved = 0'],
  ['reserved_holds', 'update stock set reserved = 1', 'update stock set reserved = 0'],
  ['lots_on_hand', 'update lots set quantity = 4', 'update lots set quantity = 5'],
  ['lot_movements', 'update lots set quantity = 4', 'update lots set quantity = 5'],
  ['quality_holds', 'update lots set held = 1', 'update lots set held = 0'],
] as const)('%s finds what was changed by hand when its share comes', async (check, change, back) => {
  const where = 'where product_id = 6 and warehouse_id = 1';
  await tamper(shop.url, `${change} ${where}`);
  try {
    expect(await found(check, products(0, 5))).toEqual([]);
    expect(await found(check, products(6, null))).toEqual([]);
    expect(await found(check, products(5, 6))).toHaveLength(1);
    expect(await found(check, EVERYTHING)).toHaveLength(1);
  } finally {
    await tamper(shop.url, `${back} ${where}`);
  }
});

const id = (n: number) => `00000000-0000-0000-0000-0000000000${n}0`;

test('lines that keep units for nobody are found when their share comes', async () => {
  await tamper(
    shop.url,
    `insert into reservations (id, kind, status, expires_at, updated_at) values ('${id(5)}', 'hold', 'cancelled', now(), now())`,
    `insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
     values ('${id(5)}', 1, 1, 1, 1), ('${id(6)}', 1, 1, 1, 1)`,
  );
  const lines = (linesAfter: string, linesUpTo: string | null): Share => ({
    ...EVERYTHING,
    linesAfter,
    linesUpTo,
  });
  try {
    for (const [check, n] of [
      ['ended_holds', 5],
      ['lines_without_hold', 6],
    ] as const) {
      expect(await found(check, lines(id(0), id(n - 1)))).toEqual([]);
      expect(await found(check, lines(id(n), null))).toEqual([]);
      expect(await found(check, lines(id(n - 1), id(n)))).toEqual([`hold:${id(n)}`]);
    }
  } finally {
    await tamper(shop.url, 'delete from reservation_lines', 'delete from reservations');
  }
});

test('what live reservations keep is compared with its place in every run', async () => {
  await tamper(
    shop.url,
    `insert into reservations (id, kind, order_id, status, expires_at) values ('${id(7)}', 'order', gen_random_uuid(), 'confirmed', now())`,
    `insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity) values ('${id(7)}', 9, 1, 1, 1)`,
  );
  try {
    expect(await found('reserved_holds', products(0, 1))).toEqual(['P9@W1']);
  } finally {
    await tamper(shop.url, 'delete from reservation_lines', 'delete from reservations');
  }
});
