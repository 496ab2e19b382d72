import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLot } from '../../domain/stock/tracking/lot-masters';
import { readSerial } from '../../domain/stock/tracking/views';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { expectInvariants } from '../support/invariants';
import { deliver, trackedProduct, withSerials } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const MIGRATION = readFileSync(join(__dirname, '..', '..', 'migrations', '0056_codes_as_seen.sql'), 'utf8');
const FIRST = MIGRATION.indexOf('update product_lots');
const UPDATES = MIGRATION.slice(FIRST, MIGRATION.indexOf('\n\n', FIRST));

/** As the version before has keys: a zero-width space is a blank, wide forms stay. */
const OLD_KEY = `lower(normalize(btrim(regexp_replace(%, '[\\s\\u200b]+', ' ', 'g')), NFC) collate pg_c_utf8)`;

test('keys of lots of the version before are made anew; one that another lot has by then is not taken from it', async () => {
  const sku = await trackedProduct(shop, { lots: true });
  const codes = ['A\u200b1', '\uff22-2', 'b-3', 'Ä 4', 'D\u200b5'];
  await deliver(
    shop.db,
    codes.map((code) => ({ sku, quantity: 1, lot: { code } })),
  );
  const product = '(select id from products where sku = $1)';
  await shop.db.pool.query(
    `update product_lots set code_key = ${OLD_KEY.replace('%', 'code')} where product_id = ${product}`,
    [sku],
  );
  // Two that the version before told from each other
  await shop.db.pool.query(
    `insert into product_lots (product_id, code, code_key) values (${product}, 'd5', 'd5'), (${product}, 'd\u200b\u200b5', 'd 5 #0')`,
    [sku],
  );
  await shop.db.pool.query(UPDATES);
  const { rows } = await shop.db.pool.query<{ code: string; key: string }>(
    `select code, replace(code_key, '#' || id, '#id') as key from product_lots where product_id = ${product} order by id`,
    [sku],
  );
  expect(rows.map(({ code, key }) => [code, key])).toEqual([
    ['A\u200b1', 'a1'],
    ['\uff22-2', 'b-2'],
    ['b-3', 'b-3'],
    ['Ä 4', 'ä 4'],
    ['D\u200b5', 'd5 #id'],
    ['d5', 'd5'],
    ['d\u200b\u200b5', 'd5 #id'],
  ]);
  expect(await readLot(shop.db, sku, 'a1')).toMatchObject({ code: 'A\u200b1' });
  expect(await readLot(shop.db, sku, 'D\u200b5')).toMatchObject({ code: 'D\u200b5' });
  // Made anew once: again, nothing changes.
  await shop.db.pool.query(UPDATES);
  const again = await shop.db.pool.query<{ key: string }>(
    `select replace(code_key, '#' || id, '#id') as key from product_lots where product_id = ${product} order by id`,
    [sku],
  );
  expect(again.rows.map(({ key }) => key)).toEqual(rows.map(({ key }) => key));
});

test('keys of serial numbers of the version before are made anew', async () => {
  const sku = await withSerials(shop, 'S\u200b1', 'S-2');
  await shop.db.pool.query(
    `update serials set serial_key = ${OLD_KEY.replace('%', 'serial')}
     where product_id = (select id from products where sku = $1)`,
    [sku],
  );
  expect(await readSerial(shop.db, 's1')).toBeNull();
  await shop.db.pool.query(UPDATES);
  expect(await readSerial(shop.db, 's1')).toMatchObject([{ serial: 'S\u200b1' }]);
});
