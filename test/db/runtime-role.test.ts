import { Client } from 'pg';
import { keepBlockRanges } from '../../domain/assurance/seals/block-ranges';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { ensurePartitions, foldOldPartitions } from '../../domain/stock/partitions/partitions';
import { readRole } from '../../platform/database/database-info';
import { provideRuntimeRole } from '../../platform/database/runtime-role';
import { newId } from '../../platform/ids';
import { check } from '../consistency/support';
import { carryOut, OF_BANK, upload } from '../reconciliation/support';
import { importFeed } from '../support/import-feed';
import { importProducts } from '../support/import-products';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { openTransaction } from '../support/transaction';
import { waitFor } from '../support/wait';
import { capture, openOrderShop, orderOf, pay, ship, viewOf, type OrderShop } from './support';

let shop: OrderShop;
let runtime: Client;
let sku: string;

async function open(): Promise<void> {
  shop = await openOrderShop();
  sku = await shop.product({ AMS: 5 });
  // What the database itself permits is not cloned.
  await provideRuntimeRole(roles(), testLogger());
  runtime = new Client({ connectionString: shop.runtimeUrl });
  await runtime.connect();
}

async function close(): Promise<void> {
  await runtime.end();
  await expectInvariants(shop.db);
  await shop.close();
}

const roles = () => ({ ownerUrl: shop.url, runtimeUrl: shop.runtimeUrl });
const userOf = (url: string) => new URL(url).username;

async function owner<Row extends Record<string, unknown>>(
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return (await shop.db.pool.query<Row>(sql, values)).rows;
}

/** A month of the ledger that is over, with an entry, sealed. */
async function writeLongAgo(): Promise<string> {
  const name = 'inventory_transactions_2020_01';
  await owner(
    `create table ${name} partition of inventory_transactions for values from ('2020-01-01 00:00:00+00') to ('2020-02-01 00:00:00+00')`,
  );
  await owner(
    `with entry as (
       insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select '2020-01-15', product_id, warehouse_id, 'adjust', 1, 0, gen_random_uuid() from stock limit 1
       returning product_id, warehouse_id)
     update stock s set on_hand = on_hand + 1 from entry e where (s.product_id, s.warehouse_id) = (e.product_id, e.warehouse_id)`,
  );
  await waitFor(async () => {
    await sealLedger(shop.db);
    return (await owner<{ until: unknown }>('select ledger_sealed_until() as until'))[0]?.until === Infinity;
  });
  return name;
}

describe('what the runtime role tries is refused by PostgreSQL', () => {
  beforeAll(open);
  afterAll(close);

  const month = `inventory_transactions_${new Date().toISOString().slice(0, 7).replace('-', '_')}`;
  const entry = `values (%s, 1, 1, 'adjust', 1, 0, gen_random_uuid())`;
  const columns = 'product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id';
  test.each([
    ...Object.entries({
      inventory_transactions: 'actor',
      [month]: 'actor',
      ledger_seals: 'hash',
      ledger_seal_parts: 'rows_hash',
      ledger_keys: 'key',
      ledger_folds: 'hash',
      ledger_opening: 'on_hand',
    }).flatMap(([table, column]) => [
      `update ${table} set ${column} = ${column}`,
      `delete from ${table}`,
      `truncate ${table} cascade`,
      `drop table ${table} cascade`,
      `alter table ${table} disable trigger all`,
      `alter table ${table} rename to other`,
      `alter table ${table} owner to holdfast_runtime`,
      `do $$ begin lock table ${table} in access exclusive mode; end $$`,
    ]),
    `alter table inventory_transactions detach partition ${month}`,
    `create trigger mine before insert on stock for each row execute function refuse_change()`,
    `create or replace function refuse_change() returns trigger language plpgsql as 'begin return new; end'`,
    `create or replace function ledger_row_hash(t inventory_transactions) returns bytea language sql as $$ select ''::bytea $$`,
    'drop function refuse_change() cascade',
    'set session_replication_role = replica',
    'truncate stock cascade',
    'alter table stock drop constraint stock_on_hand_not_negative',
    'create table mine ()',
    'create temporary table ledger_keys (key text)',
    'select fold_ledger_partition(0)',
    // The place of an entry among those of other transactions, and its time, are the database's to give.
    `insert into inventory_transactions (id, ${columns}) overriding system value ${entry.replace('%s', '1')}`,
    `insert into inventory_transactions (at, ${columns}) ${entry.replace('%s', `now() - interval '1 day'`)}`,
    `insert into inventory_transactions (xid, ${columns}) ${entry.replace('%s', `'3'`)}`,
    `insert into ${month} (${columns}) ${entry.replace('%s, ', '')}`,
    'insert into ledger_opening values (1, 1, 1, 0)',
    `insert into ledger_folds values ('x', now(), now(), 0, now(), '', '')`,
    `insert into knex_migrations (name) values ('0099_mine.sql')`,
  ])('%s', async (statement) => {
    await expect(runtime.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  test.each([
    'fold_old_month(0)',
    'fold_old_month(-12)',
    `summarise_ledger_ranges('stock_pkey')`,
    `desummarise_ledger_ranges('stock_pkey', 1, 1)`,
  ])('a function of the owner does no more than it is for: %s', async (call) => {
    await expect(runtime.query(`select ${call}`)).rejects.toMatchObject({ code: '22023' });
  });

  test('no table may be truncated, and none that is append-only changed, whatever is added later', async () => {
    const rights = await owner<{ name: string; rights: string }>(
      `select c.oid::regclass::text as name, string_agg(p.privilege, ' ') as rights from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       cross join unnest('{UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) as p (privilege)
       where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
         and has_table_privilege($1, c.oid, p.privilege)
         and (p.privilege not in ('UPDATE', 'DELETE')
           or exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgfoid in ('refuse_change'::regproc, 'refuse_event_change'::regproc)))
       group by 1`,
      [userOf(shop.runtimeUrl)],
    );
    expect(rights).toEqual([]);
    const [counted] = await owner<{ count: number }>(
      `select count(distinct tgrelid)::int as count from pg_trigger where tgfoid = 'refuse_change'::regproc`,
    );
    expect(counted?.count).toBeGreaterThan(20);
  });
});

describe('what the product does', () => {
  beforeEach(open);
  afterEach(close);

  test('an order, both imports, the upkeep and a check run as the runtime role', async () => {
    const [{ user }] = (await shop.db.query({ name: 'test.user', text: 'select current_user as user' }))
      .rows as [{ user: string }];
    expect(user).toBe(userOf(shop.runtimeUrl));
    const name = await writeLongAgo();
    const order = orderOf({ [sku]: 2 });
    await shop.place(order);
    await pay(shop.db, order.orderId);
    await capture(shop.db, order.orderId);
    await ship(shop.db, order.orderId, 'AMS', 'picked_up');
    expect((await viewOf(shop.db, order.orderId)).shipments).toMatchObject([{ status: 'picked_up' }]);
    await importFeed(shop.db, `sku,location,quantity\n${sku},AMS,9\n`);
    await importProducts(shop.db, 'sku,name,price,currency\nIMPORTED,Imported,1,EUR\n');
    await carryOut(
      shop.db,
      await upload(shop.db, 'reference,date,amount,currency\nT-1,2026-06-02,1.00,USD\n', OF_BANK),
    );
    // To analyse a table without the right to is a warning, and does nothing.
    const analysed = await owner<{ name: string }>(
      `select distinct tablename as name from pg_stats
       where tablename in ('feed_rows', 'feed_changes', 'product_import_rows', 'reconciliation_rows') order by 1`,
    );
    expect(analysed.map(({ name: table }) => table)).toEqual([
      'feed_changes',
      'feed_rows',
      'product_import_rows',
      'reconciliation_rows',
    ]);

    expect(await ensurePartitions(shop.db, 13)).toBe(1);
    await keepBlockRanges(shop.db, { slackPages: 0 });
    expect((await foldOldPartitions(shop.db, { months: 1 })).folded).toEqual([name]);
    for (const mode of ['full', 'incremental'] as const)
      expect((await check({ db: shop.db }, mode)).findings).toEqual([]);
  });

  describe('giving the runtime role its rights', () => {
    const acls = () =>
      owner<{ oid: number; xmin: string; acl: string }>(
        `select c.oid, c.xmin::text, c.relacl::text as acl from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1`,
      );

    test('again writes nothing about any table', async () => {
      const before = await acls();
      await provideRuntimeRole(roles(), testLogger());
      expect(await acls()).toEqual(before);
    });

    test('covers tables of later migrations, and takes away what is too much', async () => {
      await owner('create table later (n int generated always as identity, m int)');
      await owner('create table later_kept (n int)');
      await owner(
        'create trigger kept before update or delete on later_kept for each row execute function refuse_change()',
      );
      await owner(`grant all on ledger_seals to ${userOf(shop.runtimeUrl)}`);
      await owner(`alter table inventory_transactions add column later int`);
      // As a deploy leaves it that migrates with one URL, and as `holdfast doctor` says.
      expect((await readRole(shop.db)).lacking).toEqual(['later', 'later_kept']);
      await provideRuntimeRole(roles(), testLogger());
      expect(await readRole(shop.db)).toMatchObject({ owns: false, lacking: [] });
      await runtime.query('insert into later (m) values (1)');
      await runtime.query('update later set m = 2');
      await runtime.query('delete from later');
      await runtime.query('insert into later_kept values (1)');
      await expect(runtime.query('delete from later_kept')).rejects.toMatchObject({ code: '42501' });
      await expect(runtime.query('update ledger_seals set row_count = 1')).rejects.toMatchObject({
        code: '42501',
      });
      await runtime.query(
        `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, later)
       values (1, 1, 'adjust', 0, 0, gen_random_uuid(), 7)`,
      );
    });

    test('makes the role where it is missing, in a database that one role had owned and used', async () => {
      const name = `late_${newId().replaceAll('-', '')}`;
      const url = new URL(shop.runtimeUrl);
      [url.username, url.password] = [name, "it's"];
      await provideRuntimeRole({ ownerUrl: shop.url, runtimeUrl: url.href }, testLogger());
      try {
        const client = new Client({ connectionString: url.href });
        await client.connect();
        await client.query('select from orders');
        await expect(client.query('drop table orders')).rejects.toMatchObject({ code: '42501' });
        await client.end();
        url.password = 'another';
        await expect(
          provideRuntimeRole({ ownerUrl: shop.url, runtimeUrl: url.href }, testLogger()),
        ).rejects.toMatchObject({ code: 'RUNTIME_ROLE_PASSWORD' });
        await provideRuntimeRole({ ownerUrl: shop.url, runtimeUrl: url.href }, testLogger(), {
          setPassword: true,
        });
        await owner(`alter role ${name} superuser`);
        await expect(
          provideRuntimeRole({ ownerUrl: shop.url, runtimeUrl: url.href }, testLogger()),
        ).rejects.toMatchObject({ code: 'RUNTIME_ROLE_TOO_STRONG' });
        await owner(`alter role ${name} nosuperuser`);
        await owner('create table their_own ()');
        await owner(`alter table their_own owner to ${name}`);
        await expect(
          provideRuntimeRole({ ownerUrl: shop.url, runtimeUrl: url.href }, testLogger()),
        ).rejects.toMatchObject({
          code: 'RUNTIME_ROLE_TOO_STRONG',
          message: expect.stringContaining('reassign owned') as string,
        });
        await owner('drop table their_own');
        await owner(`grant pg_write_all_data to ${name}`);
        await expect(
          provideRuntimeRole({ ownerUrl: shop.url, runtimeUrl: url.href }, testLogger()),
        ).rejects.toMatchObject({
          code: 'RUNTIME_ROLE_TOO_STRONG',
          message: expect.stringContaining('ledger_seals') as string,
        });
      } finally {
        await owner(`drop owned by ${name}`);
        await owner(`drop role ${name}`);
      }
    });

    test('is left out where owner and runtime role are one', async () => {
      const before = await acls();
      await provideRuntimeRole({ ownerUrl: shop.url, runtimeUrl: shop.url }, testLogger());
      expect(await acls()).toEqual(before);
    });
  });

  test('a month of the ledger is made beside a long read, and nobody waits for it', async () => {
    const reading = await openTransaction(shop.db);
    const writing = await openTransaction(shop.db);
    try {
      await reading.query('select count(*) from inventory_transactions');
      await writing.query(
        `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       values (1, 1, 'adjust', 0, 0, gen_random_uuid())`,
      );
      // It would fail after the two seconds that a statement of the product waits for a lock.
      expect(await ensurePartitions(shop.db, 13)).toBe(1);
    } finally {
      await reading.query('rollback');
      await writing.query('rollback');
      reading.release();
      writing.release();
    }
    const guards = await owner<{ months: string; triggers: string; checks: string }>(
      `select string_agg(distinct triggers, '; ') as triggers, string_agg(distinct checks, '; ') as checks, count(*)::text as months from (
       select (select string_agg(t.tgname, ' ' order by t.tgname) from pg_trigger t where t.tgrelid = i.inhrelid) as triggers,
              (select string_agg(c.conname, ' ' order by c.conname) from pg_constraint c where c.conrelid = i.inhrelid and c.contype = 'c') as checks
       from pg_inherits i where i.inhparent = 'inventory_transactions'::regclass) m`,
    );
    // The new one has what the others have.
    expect(guards).toEqual([
      {
        months: '15',
        triggers: 'inventory_transactions_append_only inventory_transactions_count_time keys no_truncate',
        checks: 'inventory_transactions_kind_check',
      },
    ]);
    const made = await owner<{ name: string }>(
      `select partition::text as name from ledger_partitions order by lower_bound desc limit 1`,
    );
    const inNextYears = `(select lower_bound + interval '1 day' from ledger_partitions order by lower_bound desc limit 1)`;
    await owner(
      `insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select ${inNextYears}, 1, 1, 'adjust', 0, 0, gen_random_uuid()`,
    );
    const rows = await owner(`select id > 0 as numbered, kind from ${made[0]?.name}`);
    expect(rows).toEqual([{ numbered: true, kind: 'adjust' }]);
    await expect(owner(`update ${made[0]?.name} set actor = 'x'`)).rejects.toMatchObject({ code: '23001' });
    await owner(`drop table ${made[0]?.name}`);
  });
});
