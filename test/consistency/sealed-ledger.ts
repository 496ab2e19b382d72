import { sealLedger } from '../../domain/assurance/seals/seal';
import { verifySeals } from '../../domain/assurance/seals/verify';
import type { CheckMode } from '../../domain/assurance/types';
import { openTestShop, type TestShop } from '../support/fixtures';
import { waitFor } from '../support/wait';

/** A shop with the stock row `A@W` and an empty ledger. */
export async function openLedgerShop(): Promise<TestShop> {
  const shop = await openTestShop();
  await shop.db.pool.query(
    `insert into products (sku, name, price_minor, currency) values ('A', 'A', 1, 'USD')`,
  );
  await shop.db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region) values ('W', 'W', 52, 5, 'eu')`,
  );
  await shop.db.pool.query('insert into stock (product_id, warehouse_id) values (1, 1)');
  return shop;
}

/** One transaction of `count` entries. */
export const ENTRIES = `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
  select 1, 1, 'adjust', 1, 0, gen_random_uuid() from generate_series(1, $1::int)`;

/** Few rows, so that a test has several seals. */
export const SMALL = { rowsPerSeal: 10, sealsPerStep: 3 };

/** What tests of seals do with the ledger of a shop, which is opened later. */
export function sealedLedger(shop: () => TestShop) {
  async function write(count: number): Promise<void> {
    await shop().db.transaction(async (tx) => {
      await tx.query({ name: 'test.entries', text: ENTRIES, values: [count] });
      await tx.query({
        name: 'test.stock',
        text: 'update stock set on_hand = on_hand + $1',
        values: [count],
      });
    });
  }

  /** 15 entries of years ago, where the partitions of today do not reach. Returns the name of their month. */
  async function writeLongAgo(): Promise<string> {
    const name = 'inventory_transactions_2020_01';
    const { pool } = shop().db;
    await pool.query(
      `create table ${name} partition of inventory_transactions for values from ('2020-01-01 00:00:00+00') to ('2020-02-01 00:00:00+00')`,
    );
    await pool.query(
      `insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select '2020-01-15', 1, 1, 'adjust', 1, 0, gen_random_uuid() from generate_series(1, 15)`,
    );
    await pool.query('update stock set on_hand = on_hand + 15');
    return name;
  }

  const seal = () => sealLedger(shop().db, SMALL);

  /** Seals until these many rows more are sealed: transactions of other databases of the server may delay that. */
  async function sealRows(count: number): Promise<void> {
    let rows = 0;
    await waitFor(async () => (rows += (await seal()).rows) === count);
  }

  async function verify(mode: CheckMode = 'full') {
    const { findings, ...read } = await verifySeals(shop().db, { mode, limit: 100 });
    return {
      ...read,
      findings: findings.map(({ subject, details }) => `${subject} ${String(details['what'])}`),
    };
  }

  async function seals(): Promise<{ seq: number; rows: number }[]> {
    const found = await shop().db.pool.query<{ seq: number; rows: number }>(
      'select seq, row_count as rows from ledger_seals order by seq',
    );
    return found.rows;
  }

  return { write, writeLongAgo, seal, sealRows, verify, seals };
}
