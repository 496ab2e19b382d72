import { createCombiner, type Combiner } from '../../platform/combiner';
import type { Database, Transaction } from '../../platform/database';
import type { Logger } from '../../platform/log';
import type { HoldPlan, HoldRequest, Refusal } from './plan';
import { selectHolds } from './reservation-queries';
import { createReserver } from './reserve';
import type { ReservationStatus, Shortage, SourcingStrategy } from './types';
import type { WarehouseDirectory } from './warehouses';

/** How a wish for a hold without an order ended. A refusal is not stored: asked again, it is decided anew. */
export type HoldVerdict =
  | { outcome: 'held'; reservationId: string; status: ReservationStatus; expiresAt: Date | null }
  | { outcome: 'short'; shortages: Shortage[] }
  | { outcome: 'refused'; refusal: Refusal };

export interface HoldReserverOptions {
  db: Database;
  warehouses: WarehouseDirectory;
  strategy: SourcingStrategy;
  lanes: number;
  maxBatch: number;
  reclaim: (productIds: readonly number[]) => Promise<void>;
  log: Logger;
}

/** Holds stock without an order, on the same path as orders; concurrent ones share transactions. */
export function createHoldReserver(options: HoldReserverOptions): Combiner<HoldRequest, HoldVerdict> {
  const reserver = createReserver<HoldRequest, HoldVerdict>({ ...options, book: { decided, record } });
  return createCombiner<HoldRequest, HoldVerdict>({
    lanes: options.lanes,
    maxBatch: options.maxBatch,
    log: options.log,
    idOf: (request) => request.reservationId,
    laneKey: (request) => request.lines[0]?.sku ?? '',
    run: (requests) => reserver.reserve(requests),
    busy: (requests) => reserver.busy(requests),
  });
}

async function decided(tx: Transaction, requests: readonly HoldRequest[]): Promise<Map<string, HoldVerdict>> {
  const ids = requests.map((request) => request.reservationId);
  const found = await selectHolds(tx, ids);
  return new Map(
    found.map(({ id, status, expiresAt }) => [id, { outcome: 'held', reservationId: id, status, expiresAt }]),
  );
}

async function record(
  tx: Transaction,
  plans: readonly HoldPlan[],
  dueTimes: Promise<ReadonlyMap<string, Date | null>>,
): Promise<Map<string, HoldVerdict>> {
  // Nothing but the holds is written.
  tx.finish();
  const due = await dueTimes;
  return new Map(
    plans.map(
      ({ outcome, refusal, shortages, request: { reservationId, status } }): [string, HoldVerdict] => {
        if (refusal) return [reservationId, { outcome: 'refused', refusal }];
        if (outcome === 'short') return [reservationId, { outcome, shortages }];
        return [
          reservationId,
          { outcome: 'held', reservationId, status, expiresAt: due.get(reservationId) ?? null },
        ];
      },
    ),
  );
}
