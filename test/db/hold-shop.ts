import { createHoldReserver, type HoldVerdict } from '../../domain/inventory/hold';
import type { HoldRequest } from '../../domain/inventory/plan';
import { createWarehouseDirectory } from '../../domain/inventory/warehouses';
import { readHold } from '../../domain/holds/views';
import type { HoldView } from '../../domain/holds/types';
import { reclaimExpired } from '../../domain/orders/expire';
import type { Combiner } from '../../platform/combiner';
import type { Database } from '../../platform/database';
import { newId } from '../../platform/ids';
import { testLogger } from '../support/servers';
import { AMSTERDAM, openOrderShop, type OrderShop } from './support';

/** A shop that holds stock without orders as well. */
export interface HoldShop extends OrderShop {
  holds: Combiner<HoldRequest, HoldVerdict>;
  /** A hold that is held, by its id. */
  hold(items: Readonly<Record<string, number>>, rest?: Partial<HoldRequest>): Promise<string>;
}

export async function openHoldShop(): Promise<HoldShop> {
  const shop = await openOrderShop();
  const holds = openHoldReserver(shop.db);
  return {
    ...shop,
    holds,
    async hold(items, rest) {
      const request = holdOf(items, rest);
      const verdict = await holds.submit(request);
      if (verdict.outcome !== 'held') throw new Error(`not held: ${JSON.stringify(verdict)}`);
      return request.reservationId;
    },
    async close() {
      await holds.close();
      await shop.close();
    },
  };
}

export function openHoldReserver(db: Database, lanes = 2): Combiner<HoldRequest, HoldVerdict> {
  return createHoldReserver({
    db,
    warehouses: createWarehouseDirectory(db),
    strategy: 'nearest',
    lanes,
    maxBatch: 256,
    reclaim: (productIds) => reclaimExpired(db, productIds),
    log: testLogger(),
  });
}

export function holdOf(
  items: Readonly<Record<string, number>>,
  rest: Partial<HoldRequest> = {},
): HoldRequest {
  return {
    reservationId: newId(),
    kind: 'hold',
    orderId: null,
    lines: Object.entries(items).map(([sku, quantity]) => ({ sku, quantity })),
    shipTo: AMSTERDAM,
    mode: 'complete',
    holdSeconds: 900,
    status: 'pending',
    ...rest,
  };
}

export async function viewOfHold(db: Database, id: string): Promise<HoldView> {
  const view = await readHold(db, id);
  if (!view) throw new Error('There is no such hold.');
  return view;
}

/** Lets holds fall due now, or `ms` milliseconds from now. */
export async function makeHoldsDue(db: Database, ids: readonly string[], ms = 0): Promise<void> {
  await db.pool.query(
    `update reservations set expires_at = clock_timestamp() + make_interval(secs => $2) where id = any ($1::uuid[])`,
    [ids, ms / 1_000],
  );
}

/** What the ledger has of a hold, oldest first: `kind on-hand reserved`. */
export async function ledgerOf(db: Database, id: string): Promise<string[]> {
  const found = await db.pool.query<{ entry: string }>(
    `select kind || ' ' || on_hand_delta || ' ' || reserved_delta as entry from inventory_transactions
     where reservation_id = $1 order by id`,
    [id],
  );
  return found.rows.map((row) => row.entry);
}

export async function ringsOf(db: Database): Promise<number> {
  const found = await db.pool.query(`select 1 from outbox where topic = 'holds.due'`);
  return found.rowCount ?? 0;
}
