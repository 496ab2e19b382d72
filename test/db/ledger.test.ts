import { stock } from '../../domain/ordering/backorders/stock-with-backorders';
import { lockStock } from '../../domain/stock/ledger/stock-ledger';
import { ensurePartitions } from '../../domain/stock/partitions/partitions';
import type { LedgerEntry } from '../../domain/stock/ledger/types';
import { translateDatabaseError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { levelsOf, openOrderShop, orderOf, type OrderShop } from './support';

let shop: OrderShop;
let key: { productId: number; warehouseId: number };
let sku: string;

beforeAll(async () => {
  shop = await openOrderShop();
});

beforeEach(async () => {
  sku = await shop.product({ AMS: 5 });
  const found = await shop.db.pool.query<typeof key>(
    `select p.id as "productId", w.id as "warehouseId" from products p, warehouses w where p.sku = $1 and w.code = 'AMS'`,
    [sku],
  );
  key = found.rows[0]!;
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

/** A statement as somebody at the console would type it. */
function raw(text: string, values: unknown[] = []) {
  return shop.db.pool.query(text, values);
}

async function partitions(): Promise<string[]> {
  const found = await raw(
    `select inhrelid::regclass::text as name from pg_inherits
     where inhparent = 'inventory_transactions'::regclass order by 1`,
  );
  return found.rows.map((row: { name: string }) => row.name);
}

function entry(rest: Partial<LedgerEntry> = {}): LedgerEntry {
  return { ...key, kind: 'adjust', onHandDelta: 1, reservedDelta: 0, effectId: newId(), ...rest };
}

function post(...entries: LedgerEntry[]): Promise<void> {
  return shop.db.transaction(async (tx) => {
    await lockStock(tx, entries);
    await stock.change(tx, entries);
  });
}

describe('the ledger is append-only', () => {
  test.each([
    ['an update', `update inventory_transactions set reason = 'better'`],
    ['a delete', 'delete from inventory_transactions'],
    ['a truncate', 'truncate inventory_transactions'],
    ['a truncate of everything that hangs on it', 'truncate inventory_transactions cascade'],
    ['an update of the keys', `update ledger_keys set key = 'x'`],
    ['a delete of the keys', 'delete from ledger_keys'],
    ['a truncate of the keys', 'truncate ledger_keys'],
    ['an update of the history', `update order_events set type = 'x'`],
    ['a delete of the history', 'delete from order_events'],
    ['a truncate of the history', 'truncate order_events'],
  ])('%s is refused', async (_name, statement) => {
    await shop.place(orderOf({ [sku]: 1 }));
    await expect(raw(statement)).rejects.toMatchObject({ code: '23001' });
  });

  test.each(['update %s set actor = $$me$$', 'delete from %s', 'truncate %s'])(
    'also through a partition by its own name: %s',
    async (statement) => {
      const month = new Date().toISOString().slice(0, 7).replace('-', '_');
      const partition = `inventory_transactions_${month}`;
      expect(await partitions()).toContain(partition);
      await expect(raw(statement.replace('%s', partition))).rejects.toMatchObject({ code: '23001' });
    },
  );
});

describe('an effect is applied once', () => {
  test('the same effect again is refused in the database itself, and the counter stays', async () => {
    const effect = entry();
    await post(effect);
    const refused = await post(effect).catch((error: unknown) => translateDatabaseError(error));
    expect(refused).toMatchObject({ name: 'AppError', code: 'ALREADY_APPLIED' });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 0] });
  });

  test('the same effect id of another kind is another effect', async () => {
    const effect = entry();
    await post(effect);
    await post({ ...effect, kind: 'count' });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [7, 0] });
  });

  test('written by hand past all code, into the table or into another month, it is refused too', async () => {
    const effect = entry();
    await post(effect);
    const [month = '', other = ''] = (await partitions()).slice(-2);
    const insert = (table: string, at: string) =>
      raw(
        `insert into ${table} (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
         values (${at}, $1, $2, 'adjust', 0, 0, $3)`,
        [key.productId, key.warehouseId, effect.effectId],
      );
    const inMonth = `to_date(right('${other}', 7), 'YYYY_MM') + interval '3 days'`;
    await expect(insert('inventory_transactions', 'now()')).rejects.toMatchObject({
      constraint: 'ledger_keys_pkey',
    });
    await expect(insert('inventory_transactions', inMonth)).rejects.toMatchObject({
      constraint: 'ledger_keys_pkey',
    });
    await expect(insert(other, inMonth)).rejects.toMatchObject({ constraint: 'ledger_keys_pkey' });
    expect(month).not.toBe(other);
  });

  test('entries of one effect on several rows are one effect', async () => {
    const effectId = newId();
    await post(entry({ effectId }), entry({ effectId, onHandDelta: 2 }));
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [8, 0] });
    await expect(post(entry({ effectId }))).rejects.toMatchObject({ constraint: 'ledger_keys_pkey' });
  });
});

describe('the ledger and its counters', () => {
  test.each([
    ['more reserved than there is', { onHandDelta: 0, reservedDelta: 6 }, 'BELOW_RESERVED'],
    ['less reserved than nothing', { onHandDelta: 0, reservedDelta: -1 }, 'WOULD_GO_NEGATIVE'],
  ])('refuse %s and keep neither', async (_name, deltas, code) => {
    const effect = entry(deltas);
    const refused = await post(effect).catch((error: unknown) => translateDatabaseError(error));
    expect(refused).toMatchObject({ code });
    await post({ ...effect, onHandDelta: 1, reservedDelta: 0 });
  });
});

describe('partitions', () => {
  test('are there for this month, the one before and the twelve to come, and made once', async () => {
    expect(await partitions()).toHaveLength(14);
    expect(await ensurePartitions(shop.db, 12)).toBe(0);
    expect(await ensurePartitions(shop.db, 14)).toBe(2);
    expect(await partitions()).toHaveLength(16);
  });

  test('made by several at once are made once', async () => {
    const made = await Promise.all([1, 2, 3, 4].map(() => ensurePartitions(shop.db, 20)));
    expect(made.reduce((sum, count) => sum + count, 0)).toBe(6);
    expect(await partitions()).toHaveLength(22);
  });

  test('take what is written in the last moment of a month and in the first', async () => {
    const first = `date_trunc('month', now() at time zone 'UTC') + interval '1 month'`;
    const found = await raw(
      `with moments (at) as (values ((${first}) at time zone 'UTC' - interval '1 us'), ((${first}) at time zone 'UTC')),
       added as (
         insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
         select at, $1, $2, 'count', 0, 0, gen_random_uuid() from moments returning tableoid::regclass::text as name)
       select name from added`,
      [key.productId, key.warehouseId],
    );
    const names = found.rows.map((row: { name: string }) => row.name);
    expect(new Set(names).size).toBe(2);
  });
});
