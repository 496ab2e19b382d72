import { Pool } from 'pg';
import { findInconsistencies } from '../../domain/assurance/run-check';
import { followAnalytics } from '../../domain/analytics/sums';
import type { FollowOptions } from '../../domain/event-log/follower';
import type { Database } from '../../platform/database/database';
import { openTestShop, type TestShop } from '../support/fixtures';

export interface AnalyticsShop extends TestShop {
  /** The owner of the schema, who may write entries of the past. */
  owner: Pool;
  /** Writes a row of the ledger by hand. */
  move(row: Movement): Promise<void>;
}

export interface Movement {
  sku: string;
  warehouse: string;
  kind: string;
  onHand: number;
  reserved?: number;
  /** Now unless given. */
  at?: Date;
  orderId?: string | null;
}

/** A catalogue: three warehouses of two regions, products of two categories and one of none. */
export const PRODUCTS = ['A-1', 'A-2', 'B-1', 'B-2', 'N-1'] as const;
export const CATEGORY_OF: Readonly<Record<string, string | null>> = {
  'A-1': 'alpha',
  'A-2': 'alpha',
  'B-1': 'beta',
  'B-2': 'beta',
  'N-1': null,
};
export const WAREHOUSES = ['AMS', 'BER', 'NYC'] as const;
export const REGION_OF: Readonly<Record<string, string>> = { AMS: 'eu', BER: 'eu', NYC: 'us' };

export async function openAnalyticsShop(): Promise<AnalyticsShop> {
  const shop = await openTestShop();
  const owner = new Pool({ connectionString: shop.url, max: 4 });
  await owner.query(`insert into categories (code, name) values ('alpha', 'Alpha'), ('beta', 'Beta')`);
  for (const code of WAREHOUSES)
    await owner.query(
      'insert into warehouses (code, name, latitude, longitude, region) values ($1, $1, 50, 5, $2)',
      [code, REGION_OF[code]],
    );
  for (const sku of PRODUCTS)
    await owner.query(
      `insert into products (sku, name, price_minor, currency, category_id)
       values ($1, $1, 1000, 'USD', (select id from categories where code = $2))`,
      [sku, CATEGORY_OF[sku]],
    );
  return {
    ...shop,
    owner,
    move: (row) => insertMovement(owner, row),
    async close() {
      await owner.end();
      await shop.close();
    },
  };
}

/** Of a pool, or of a connection whose transaction the test keeps open. */
export async function insertMovement(
  on: { query(text: string, values: unknown[]): Promise<unknown> },
  { sku, warehouse, kind, onHand, reserved = 0, at, orderId = null }: Movement,
): Promise<void> {
  await on.query(
    `insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, order_id)
     select coalesce($1, ledger_time()), p.id, w.id, $4, $5, $6, gen_random_uuid(), $7
     from products p, warehouses w where p.sku = $2 and w.code = $3`,
    [at ?? null, sku, warehouse, kind, onHand, reserved, orderId],
  );
}

/** The sums are what their sources have. Of movements that tests write by hand other checks would find no stock. */
export async function expectSumsRight(db: Database): Promise<void> {
  expect(
    await findInconsistencies({ db }, { check: 'analytics_sums', mode: 'full', graceSeconds: 0 }),
  ).toEqual([]);
}

/** Takes turns until nothing is left to add. */
export async function followAll(db: Database, options?: FollowOptions): Promise<void> {
  for (let turn = 0; turn < 300; turn++) if (!(await followAnalytics(db, options)).found) return;
  throw new Error('there was always something to add');
}
