import { openTestApi, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  // As in a database of a language: by its rules `a` is before `B`, and `_` before both.
  for (const [table, column] of [
    ['products', 'sku'],
    ['warehouses', 'code'],
    ['categories', 'code'],
  ])
    await test.db.pool.query(`alter table ${table} alter column ${column} type text collate "und-x-icu"`);
});
afterAll(() => test.close());

/** Some that languages, UTF-16 and bytes sort otherwise; every language sorts capitals with small letters. */
const NAMES = ['B', 'a', '_z', 'C', 'b', 'é', 'Z', '-1', '10', '9', '\ufb01', '😀'];
const BY_BYTES = [...NAMES].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** The names of a list, page by page. */
async function walk(path: string, name: 'sku' | 'code'): Promise<string[]> {
  const found: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const parameters = `limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const { status, body } = await test.call('GET', `${path}${path.includes('?') ? '&' : '?'}${parameters}`);
    expect(status).toBe(200);
    found.push(...body.items.map((item) => (item as unknown as Record<typeof name, string>)[name]));
    cursor = body.nextCursor;
  }
  return found;
}

it('the databases of tests are as those of languages here', async () => {
  const { rows } = await test.db.pool.query<{ name: string }>(
    'select name from unnest($1::text[]) g (name) order by name collate "und-x-icu"',
    [NAMES],
  );
  expect(rows.map(({ name }) => name)).not.toEqual(BY_BYTES);
});

it('products are listed by the bytes of their SKU, each once, whatever the collation of the database', async () => {
  await test.db.pool.query(
    `insert into categories (code, name) values ('c', 'c');
     insert into products (sku, name, price_minor, currency, category_id)
       select sku, 'x', 1, 'USD', (select id from categories) from unnest(array['${NAMES.join("','")}']) g (sku)`,
  );
  expect(await walk('/products', 'sku')).toEqual(BY_BYTES);
  expect(await walk('/products?category=c', 'sku')).toEqual(BY_BYTES);
});

it('so is their worth', async () => {
  await test.db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region) values ('AMS', 'AMS', 1, 1, 'eu');
     with added as (
       insert into stock (product_id, warehouse_id, on_hand) select p.id, w.id, 1 from products p, warehouses w
       returning product_id, warehouse_id, on_hand)
     insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select product_id, warehouse_id, 'opening', on_hand, 0, gen_random_uuid() from added`,
  );
  expect(await walk('/inventory/valuation/products', 'sku')).toEqual(BY_BYTES);
});

it('so are warehouses and categories', async () => {
  await test.db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region)
       select code, code, 1, 1, 'eu' from unnest(array['${NAMES.join("','")}']) g (code);
     insert into categories (code, name) select code, code from unnest(array['${NAMES.join("','")}']) g (code)`,
  );
  const byBytes = (more: string) =>
    [...NAMES, more].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect(await walk('/warehouses', 'code')).toEqual(byBytes('AMS'));
  expect(await walk('/categories', 'code')).toEqual(byBytes('c'));
});
