import {
  createStandaloneReserver,
  type ReservationOutcome,
} from '../../domain/stock/reservations/standalone';
import type { ReservationRequest } from '../../domain/stock/reservations/plan-reservation';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { readReservation } from '../../domain/stock/reservations/views';
import type { ReservationDetails } from '../../domain/stock/reservations/types';
import { reclaimExpired } from '../../domain/ordering/expire';
import type { RequestBatcher } from '../../platform/request-batcher';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { testLogger } from '../support/servers';
import { AMSTERDAM, openOrderShop, type OrderShop } from './support';

/** A shop that reserves stock without orders as well. */
export interface ReservationShop extends OrderShop {
  standalone: RequestBatcher<ReservationRequest, ReservationOutcome>;
  /** Makes a reservation and returns its id. */
  reserve(items: Readonly<Record<string, number>>, rest?: Partial<ReservationRequest>): Promise<string>;
}

export async function openReservationShop(): Promise<ReservationShop> {
  const shop = await openOrderShop();
  const standalone = openStandaloneReserver(shop.db);
  return {
    ...shop,
    standalone,
    async reserve(items, rest) {
      const request = reservationOf(items, rest);
      const result = await standalone.submit(request);
      if (result.outcome !== 'reserved') throw new Error(`not reserved: ${JSON.stringify(result)}`);
      return request.reservationId;
    },
    async close() {
      await standalone.close();
      await shop.close();
    },
  };
}

export function openStandaloneReserver(
  db: Database,
  lanes = 2,
): RequestBatcher<ReservationRequest, ReservationOutcome> {
  return createStandaloneReserver({
    db,
    warehouses: createWarehouseDirectory(db),
    strategy: 'nearest',
    lanes,
    maxBatch: 256,
    reclaim: (productIds) => reclaimExpired(db, productIds),
    log: testLogger(),
  });
}

export function reservationOf(
  items: Readonly<Record<string, number>>,
  rest: Partial<ReservationRequest> = {},
): ReservationRequest {
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

export async function viewOfReservation(db: Database, id: string): Promise<ReservationDetails> {
  const view = await readReservation(db, id);
  if (!view) throw new Error('There is no such reservation.');
  return view;
}

/** Lets reservations fall due now, or `ms` milliseconds from now. */
export async function makeReservationsDue(db: Database, ids: readonly string[], ms = 0): Promise<void> {
  await db.pool.query(
    `update reservations set expires_at = clock_timestamp() + make_interval(secs => $2) where id = any ($1::uuid[])`,
    [ids, ms / 1_000],
  );
}

/** What the ledger has of a reservation, oldest first: `kind on-hand reserved`. */
export async function ledgerOf(db: Database, id: string): Promise<string[]> {
  const found = await db.pool.query<{ entry: string }>(
    `select kind || ' ' || on_hand_delta || ' ' || reserved_delta as entry from inventory_transactions
     where reservation_id = $1 order by id`,
    [id],
  );
  return found.rows.map((row) => row.entry);
}

export async function ringsOf(db: Database): Promise<number> {
  const found = await db.pool.query(`select 1 from outbox where topic = 'reservations.due'`);
  return found.rowCount ?? 0;
}
