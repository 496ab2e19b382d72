import { verifySeals } from '../../domain/assurance/seals/verify';
import { foldOldPartitions } from '../../domain/stock/partitions/partitions';
import type { Database } from '../../platform/database/database';
import type { TestShop } from '../support/fixtures';
import { openTransaction } from '../support/transaction';
import { openLedgerShop, sealedLedger } from './sealed-ledger';
import { check, tamper } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openLedgerShop();
});
afterEach(() => shop.close());

const { write, writeLongAgo, sealRows, verify, seals } = sealedLedger(() => shop);

describe('a month that the retention drops', () => {
  const fold = async () =>
    (await foldOldPartitions(shop.db, { months: 1, withinMs: 100, waitMs: 100 })).folded;

  const isSealed = async (name: string) =>
    (await shop.db.pool.query<{ sealed: boolean }>(`select ledger_partition_is_sealed($1) as sealed`, [name]))
      .rows[0]!.sealed;

  test('may go once it is sealed, takes no other evidence with it, and neither sums nor seals complain', async () => {
    const name = await writeLongAgo();
    await write(8);
    expect(await isSealed(name)).toBe(false);
    await sealRows(23);
    expect(await isSealed(name)).toBe(true);
    await check({ db: shop.db }, 'incremental');
    await shop.db.pool.query('select fold_ledger_partition(1)');
    const [{ gone }] = (
      await shop.db.pool.query<{ gone: boolean }>(`select to_regclass($1) is null as gone`, [name])
    ).rows as [{ gone: boolean }];
    expect(gone).toBe(true);
    await write(3);
    await sealRows(3);
    for (const mode of ['incremental', 'full', 'incremental'] as const) {
      expect((await check({ db: shop.db }, mode)).findings).toEqual([]);
    }
    await tamper(shop.url, `update inventory_transactions set reason = 'x' where id = 17`);
    expect((await verify()).findings).toEqual(['ledger-row:17 changed']);
  });

  test('may go before the sums of the ledger were ever kept: they are made anew', async () => {
    await writeLongAgo();
    await write(8);
    await sealRows(23);
    await shop.db.pool.query('select fold_ledger_partition(1)');
    for (let run = 0; run < 3; run++) {
      expect((await check({ db: shop.db }, 'incremental')).findings).toEqual([]);
      await write(1);
    }
  });

  test('leaves sums that had its entries as they are: the next check reads no more than what came since', async () => {
    const name = await writeLongAgo();
    await write(8);
    await sealRows(23);
    await check({ db: shop.db }, 'incremental');
    expect(await fold()).toEqual([name]);
    await write(3);
    await sealRows(3);
    // A check that reads the whole ledger does not look at them, and would make them anew.
    await tamper(shop.url, 'update ledger_checkpoint set on_hand = on_hand + 100');
    for (let run = 0; run < 2; run++) {
      expect((await check({ db: shop.db }, 'incremental')).findings).toMatchObject([
        { check: 'on_hand_ledger', details: { counter: 26, ledger: 126 } },
      ]);
    }
    expect((await check({ db: shop.db }, 'full')).findings).toEqual([]);
    expect((await check({ db: shop.db }, 'incremental')).findings).toEqual([]);
  });

  test.each([
    ['a changed row', `update inventory_transactions set on_hand_delta = 3 where id = 4`],
    ['a removed row', `delete from inventory_transactions where id = 4`],
    [
      'an added row',
      `insert into inventory_transactions overriding system value
       select * from (select 0::bigint, at, product_id, warehouse_id, kind, 50, 0, gen_random_uuid(), null::uuid, null::uuid,
                             'by hand', null, 'system', xid from inventory_transactions where id = 4) x`,
    ],
    ['a changed seal', `update ledger_seals set made_at = made_at + interval '1 s'`],
  ])('is not summed up with %s: it stays, and a person is told', async (_, statement) => {
    const name = await writeLongAgo();
    await sealRows(15);
    await tamper(shop.url, statement);
    await expect(fold()).rejects.toMatchObject({
      code: 'LEDGER_MONTH_CHANGED',
      message: expect.stringContaining(name) as string,
    });
    const kept = await shop.db.pool.query('select from ledger_opening');
    expect(kept.rows).toEqual([]);
    expect((await shop.db.pool.query(`select from ${name}`)).rows.length).toBeGreaterThan(0);
  });

  test.each([
    [
      'opening balances that were changed',
      'update ledger_opening set on_hand = on_hand + 1',
      'opening_changed',
    ],
    ['a record of it that was changed', 'update ledger_folds set entries = entries + 1', 'fold_changed'],
  ])('leaves sums that are sealed: %s are found', async (_, statement, what) => {
    const name = await writeLongAgo();
    await sealRows(15);
    expect(await fold()).toEqual([name]);
    expect((await verify()).findings).toEqual([]);
    await expect(shop.db.pool.query('update ledger_folds set entries = 1')).rejects.toThrow(/append-only/);
    await tamper(shop.url, statement);
    const found = [`fold:${name} ${what}`];
    // All opening balances are read, so an incremental check does so once a day, and again while they are broken.
    expect((await verify('incremental')).findings).toEqual([]);
    await shop.db.pool.query(`update ledger_rechecked set folds_read_at = folds_read_at - interval '1 day'`);
    for (let run = 0; run < 2; run++) expect((await verify('incremental')).findings).toEqual(found);
    expect((await verify()).findings).toEqual(found);
    await tamper(shop.url, 'update ledger_opening set on_hand = 15', 'update ledger_folds set entries = 15');
    expect((await verify('incremental')).findings).toEqual([]);
  });

  test('while a check runs is no finding, and the check keeps it out where it sums', async () => {
    const name = await writeLongAgo();
    await write(3);
    await sealRows(18);
    let begun = 0;
    // The month is gone after the chain was read, before the rows are.
    const folding: Database = {
      ...shop.db,
      async transaction(work) {
        begun += 1;
        if (begun === 2) expect(await fold()).toEqual([name]);
        return shop.db.transaction(work);
      },
    };
    expect((await verifySeals(folding, { mode: 'full', limit: 100 })).findings).toEqual([]);
    expect(begun).toBeGreaterThan(2);
    // A further month, which could go as well.
    const checking = await openTransaction(shop.db);
    try {
      await checking.query(`select pg_advisory_xact_lock_shared(hashtext('fold_ledger_partition'))`);
      await shop.db.pool.query(
        `create table inventory_transactions_2020_02 partition of inventory_transactions
         for values from ('2020-02-01 00:00:00+00') to ('2020-03-01 00:00:00+00')`,
      );
      expect(await fold()).toEqual([]);
    } finally {
      await checking.query('rollback');
      checking.release();
    }
    expect(await fold()).toEqual(['inventory_transactions_2020_02']);
  });

  test('without being summed up is one finding, and one of each seal while its table is there', async () => {
    const name = await writeLongAgo();
    await sealRows(15);
    await write(12);
    await sealRows(12);
    expect((await seals()).length).toBeGreaterThan(2);
    await tamper(shop.url, `delete from ${name} where id <= 3`);
    expect((await verify()).findings).toEqual([1, 2, 3].map((id) => `ledger-row:${id} missing`));
    await shop.db.pool.query(`drop table ${name}`);
    expect((await verify()).findings).toEqual(['ledger-month:2020-01 month_missing']);
  });

  test('with entries that were never sealed is found: its record says how many were summed up', async () => {
    const name = await writeLongAgo();
    await sealRows(15);
    await fold();
    await tamper(
      shop.url,
      `update ledger_folds set entries = 16, hash = ledger_fold_hash(decode(repeat('00', 32), 'hex'), partition, lower_bound, upper_bound, 16, opening_hash)`,
    );
    expect((await verify()).findings).toEqual([`fold:${name} fold_changed`]);
  });
});
