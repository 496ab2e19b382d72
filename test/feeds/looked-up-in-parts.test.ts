import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import { resolveFeed } from '../../domain/stock/feeds/resolve';
import { readUpload } from '../../domain/uploads/uploads';
import { openOrderShop, type OrderShop } from '../db/support';
import { applyStagedFeed, stageText } from '../support/import-feed';
import { expectInvariants } from '../support/invariants';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterAll(() => shop.close());
afterEach(() => expectInvariants(shop.db));

const HEADER = 'sku,location,quantity\n';

/** Looks a feed up in two parts, of which the second fails: as an attempt leaves it that breaks off between them. */
async function breakOffAfterFirstPart(jobId: string): Promise<void> {
  const { id, lines } = await readUpload(shop.db, jobId);
  // The rows of the second part are numbered from there on.
  await shop.db.pool.query(
    `alter table feed_changes add constraint second_part_fails check (feed_id <> ${id} or seq <= ${lines})`,
  );
  try {
    await expect(resolveFeed(shop.db, jobId, 2)).rejects.toMatchObject({ constraint: 'second_part_fails' });
  } finally {
    await shop.db.pool.query('alter table feed_changes drop constraint second_part_fails');
  }
  const { rows } = await shop.db.pool.query('select lane from feed_lanes where feed_id = $1', [id]);
  expect(rows).toEqual([{ lane: 1 }]);
}

/** Whether a SKU is of the first of two parts, by the rule that the look-up splits rows by. */
async function isOfFirstPart(sku: string): Promise<boolean> {
  const { rows } = await shop.db.pool.query<{ first: boolean }>(
    'select (hashtext(lower($1)) & 2147483647) % 2 = 0 as first',
    [sku],
  );
  return rows[0]?.first ?? false;
}

async function onHand(skus: readonly string[]): Promise<number[]> {
  const { rows } = await shop.db.pool.query<{ on_hand: number }>(
    `select s.on_hand from unnest($1::text[]) with ordinality as g (sku, n)
     join products p on p.sku = g.sku join stock s on s.product_id = p.id order by n`,
    [skus],
  );
  return rows.map((row) => row.on_hand);
}

test('a look-up that broke off between its parts is carried on in the same parts, and each row is applied once', async () => {
  const skus = await Promise.all(Array.from({ length: 40 }, () => shop.product({ AMS: 100 })));
  // Each product twice, the second time in other capitals: both are in one part, and summed.
  const texts = [...skus, ...skus.map((sku) => sku.toLowerCase())];
  const jobId = await stageText(shop.db, HEADER + texts.map((sku) => `${sku},AMS,3\n`).join(''), {
    mode: 'delta',
  });
  await breakOffAfterFirstPart(jobId);
  await resolveFeed(shop.db, jobId, 3);
  const { id } = await readUpload(shop.db, jobId);
  const lanes = await shop.db.pool.query<{ rows: number }>(
    'select (last_seq - position)::int as rows from feed_lanes where feed_id = $1 order by lane',
    [id],
  );
  expect(lanes.rows).toHaveLength(2);
  expect(lanes.rows.every(({ rows }) => rows > 0 && rows < 40)).toBe(true);
  expect(await applyStagedFeed(shop.db, jobId, 7)).toMatchObject({ applied: 80, rejected: 0, left: 0 });
  expect(await onHand(skus)).toEqual(skus.map(() => 106));
});

test('a product that is made after its part was looked up is unknown to the feed, and its lines contradict nobody', async () => {
  const known = await Promise.all(Array.from({ length: 30 }, () => shop.product({ AMS: 1 })));
  const names = Array.from({ length: 20 }, (_, n) => `MADE-LATER-${n}`);
  const first = await Promise.all(names.map(isOfFirstPart));
  const late = names.filter((_, n) => first[n]);
  expect(late.length).toBeGreaterThan(0);
  const lines = [...known, ...late].map((sku) => `${sku},AMS,5\n`).join('');
  const jobId = await stageText(shop.db, HEADER + lines);
  await breakOffAfterFirstPart(jobId);
  for (const sku of late)
    await shop.db.pool.query(
      `insert into products (sku, name, price_minor, currency) values ($1, $1, 1, 'USD')`,
      [sku],
    );
  await resolveFeed(shop.db, jobId, 2);
  expect(await applyStagedFeed(shop.db, jobId)).toMatchObject({
    applied: 30,
    rejected: late.length,
    left: 0,
  });
  let file = '';
  for await (const part of feedRejectsCsv(shop.db, jobId)) file += part;
  const codes = file
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',')[4]);
  expect(codes).toEqual(late.map(() => 'UNKNOWN_SKU'));
  expect(await onHand(known)).toEqual(known.map(() => 5));
});
