import { readSealHead, verifyHead } from '../../domain/assurance/seals/head';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { verifySeals } from '../../domain/assurance/seals/verify';
import { foldOldPartitions } from '../../domain/stock/partitions/partitions';
import { addStock, openTestShop, type TestShop } from '../support/fixtures';
import { waitFor } from '../support/wait';
import { check, tamper } from './support';

let shop: TestShop;
let head: Awaited<ReturnType<typeof readSealHead>>;

const MONTHS = ['2020_01', '2020_02'];

/** Once all that wrote has ended, so that sealing the same rows anew makes as many seals. */
async function sealAll(): Promise<void> {
  await waitFor(async () => {
    const { rows } = await shop.db.pool.query<{ ended: boolean }>(
      `select max(xid::text::bigint) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint as ended from inventory_transactions`,
    );
    return rows[0]?.ended;
  });
  await sealLedger(shop.db);
  const { rows } = await shop.db.pool.query<{ until: unknown }>('select ledger_sealed_until() as until');
  expect(rows).toEqual([{ until: Infinity }]);
}

/** Two old months with ten entries each, and today's; all sealed, verified, and the head exported. */
beforeEach(async () => {
  shop = await openTestShop();
  await addStock(shop.db, 'LAMP', 'AMS', 5);
  await addStock(shop.db, 'DESK', 'AMS', 7);
  for (const name of MONTHS) {
    const first = `${name.replace('_', '-')}-01`;
    await shop.db.pool.query(
      `create table inventory_transactions_${name} partition of inventory_transactions
       for values from ('${first} 00:00:00+00') to (timestamptz '${first} 00:00:00+00' + interval '1 month')`.replace(
        /\(timestamptz .*\)$/,
        name === '2020_01' ? `('2020-02-01 00:00:00+00')` : `('2020-03-01 00:00:00+00')`,
      ),
    );
    await shop.db.pool.query(
      `insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select date '${first}' + 5, 1 + n % 2, 1, 'adjust', 1, 0, gen_random_uuid() from generate_series(1, 10) n`,
    );
    await shop.db.pool.query('update stock set on_hand = on_hand + 5');
  }
  await sealAll();
  await check({ db: shop.db });
  head = await readSealHead(shop.db);
});
afterEach(() => shop.close());

/** What `holdfast verify --head` finds: of the rows and seals, and against the head. */
async function found(): Promise<string[]> {
  const { findings } = await verifySeals(shop.db, { mode: 'full', limit: 100 });
  const against = await verifyHead(shop.db, head);
  return [...findings, ...against.findings].map(
    ({ subject, details }) => `${subject} ${String(details['what'])}`,
  );
}

const FORGET = `update ledger_verified set seals_seq = 0, seals_hash = null`;

/** As the owner does who knows how seals are made: all of them anew, from the rows as they are now. */
async function sealAnew(): Promise<void> {
  await tamper(shop.url, 'delete from ledger_seal_parts', 'delete from ledger_seals', FORGET);
  await sealAll();
}

/** A month dropped as the retention does it, with a record that fits, and opening balances as the owner likes them. */
async function foldByHand(name: string, onHand: string): Promise<void> {
  const table = `inventory_transactions_${name}`;
  const bounds = `'${name.replace('_', '-')}-01 00:00:00+00'::timestamptz`;
  await tamper(
    shop.url,
    `insert into ledger_opening as o select product_id, warehouse_id, ${onHand}, sum(reserved_delta) from ${table} group by 1, 2
     on conflict (product_id, warehouse_id) do update set on_hand = o.on_hand + excluded.on_hand`,
    `insert into ledger_folds (partition, lower_bound, upper_bound, entries, opening_hash, hash)
     select '${table}', ${bounds}, ${bounds} + interval '1 month', 10, h,
       ledger_fold_hash(decode(repeat('00', 32), 'hex'), '${table}', ${bounds}, ${bounds} + interval '1 month', 10, h)
     from ledger_opening_hash() h`,
    `drop table ${table}`,
  );
}

test('of a ledger that nobody has touched nothing is found, whatever is written, sealed and summed up since', async () => {
  expect(head.sumsHash).toMatch(/^[0-9a-f]{64}$/);
  expect(await found()).toEqual([]);
  await addStock(shop.db, 'CHAIR', 'AMS', 3);
  await sealAll();
  expect(await found()).toEqual([]);
  expect((await foldOldPartitions(shop.db, { months: 1 })).folded).toEqual(
    MONTHS.map((name) => `inventory_transactions_${name}`),
  );
  expect(await found()).toEqual([]);
  expect(await verifyHead(shop.db, head)).toEqual({
    findings: [],
    foldedSince: MONTHS.map((name) => `inventory_transactions_${name}`),
    sumsCompared: true,
  });
});

describe('what the owner does to what the head covers is found', () => {
  test('an edited row', async () => {
    await tamper(shop.url, 'update inventory_transactions set on_hand_delta = 2 where id = 12');
    expect(await found()).toEqual(['ledger-row:12 changed', 'ledger-sums not_the_kept_sums']);
  });

  test('a row that changes no sum, and its evidence with it', async () => {
    await tamper(
      shop.url,
      `update inventory_transactions set actor = 'somebody else' where id = 12`,
      `update ledger_seal_parts p set rows_hash = n.rows_hash, row_hashes = n.row_hashes from (
         select date_trunc('month', t.at at time zone 'UTC')::date as month,
           sha256(string_agg(int8send(t.id) || ledger_row_hash(t), ''::bytea order by t.xid, t.id)) as rows_hash,
           string_agg(substr(ledger_row_hash(t), 1, 8), ''::bytea order by t.xid, t.id) as row_hashes
         from inventory_transactions t where t.id between 3 and 12 group by 1) n
       where n.month = p.month and p.row_ids @> '{12}'`,
      FORGET,
    );
    expect(await found()).not.toEqual([]);
  });

  test('an edited row, and all seals made anew', async () => {
    await tamper(shop.url, `update inventory_transactions set actor = 'somebody else' where id = 12`);
    await sealAnew();
    expect(await found()).toEqual([`seal:${head.seq} not_the_kept_head`]);
  });

  test('a dropped month', async () => {
    await tamper(shop.url, 'drop table inventory_transactions_2020_01');
    expect(await found()).toEqual(['ledger-month:2020-01 month_missing', 'ledger-sums not_the_kept_sums']);
  });

  test('a dropped month, and all seals made anew', async () => {
    await tamper(shop.url, 'drop table inventory_transactions_2020_01');
    await sealAnew();
    expect(await found()).toContainEqual(
      expect.stringMatching(/^seal:\d+ (not_the_kept_head|seal_missing)$/),
    );
  });

  test('a month that is dropped as if it had been summed up, with other sums', async () => {
    await foldByHand('2020_01', 'sum(on_hand_delta) + product_id');
    expect(await found()).toEqual(['ledger-sums not_the_kept_sums']);
  });

  test('units that went from one product to another on that occasion, which leave all totals', async () => {
    await foldByHand('2020_01', 'sum(on_hand_delta) + case product_id when 1 then 1 else -1 end');
    expect(await found()).toEqual(['ledger-sums not_the_kept_sums']);
  });

  test.each([
    ['the last seals', `delete from ledger_seals where seq = (select max(seq) from ledger_seals)`],
    ['all seals', 'delete from ledger_seals'],
  ])('that %s were removed, and what remembered them', async (_, statement) => {
    await tamper(
      shop.url,
      statement,
      'delete from ledger_seal_parts p where not exists (select from ledger_seals s where s.seq = p.seq)',
      FORGET,
    );
    expect(await found()).toContain(`seal:${head.seq} seal_missing`);
  });

  test('the record of a month that was summed up before the head, made anew with other opening balances', async () => {
    await foldOldPartitions(shop.db, { months: 1 });
    head = await readSealHead(shop.db);
    expect(await found()).toEqual([]);
    await tamper(
      shop.url,
      'update ledger_opening set on_hand = on_hand + 1 where product_id = 1',
      `update ledger_folds f set opening_hash = ledger_opening_hash(),
         hash = ledger_fold_hash((select hash from ledger_folds order by upper_bound limit 1), partition, lower_bound, upper_bound, entries, ledger_opening_hash())
       where upper_bound = (select max(upper_bound) from ledger_folds)`,
    );
    expect(await found()).toEqual(['fold:2 not_the_kept_head', 'ledger-sums not_the_kept_sums']);
  });
});

test('where a month was summed up that has entries after the head, it is said that its sums prove nothing', async () => {
  await shop.db.pool.query(
    `insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     values ('2020-01-20', 1, 1, 'adjust', 0, 0, gen_random_uuid())`,
  );
  await sealAll();
  expect(await verifyHead(shop.db, head)).toMatchObject({ sumsCompared: true });
  await foldOldPartitions(shop.db, { months: 1 });
  expect(await verifyHead(shop.db, head)).toMatchObject({ findings: [], sumsCompared: false });
});

test('a head of an earlier version, without sums, is still compared', async () => {
  const { seq, hash, folds, foldHash } = head;
  expect(await verifyHead(shop.db, { seq, hash, folds, foldHash })).toEqual({
    findings: [],
    foldedSince: [],
    sumsCompared: false,
  });
});
