import type { Transaction } from '../../../platform/database/database';
import type { StockLevel } from '../ledger/types';
import type { SourcingStrategy } from '../sourcing/types';
import {
  Availability,
  planReservation,
  RankingCache,
  type Candidates,
  type ReservationPlan,
  type ReservationRequest,
} from './plan-reservation';
import { addToLines, selectReclaimableProducts, type MoreUnits } from './queries';

export type MoreUnitsRequest = Pick<ReservationRequest, 'orderId' | 'lines' | 'shipTo' | 'warehouse'>;

/**
 * Decides, all or nothing, from where further units of a reservation are taken. The caller has locked every stock row of the products,
 * so a shortage is one.
 *
 * @param levels what the locked rows count
 * @param open warehouses that orders are placed from
 */
export function planMoreUnits(
  request: MoreUnitsRequest,
  candidates: Candidates,
  levels: readonly StockLevel[],
  open: ReadonlySet<number>,
  strategy: SourcingStrategy,
): ReservationPlan {
  return planReservation(
    {
      ...request,
      reservationId: '',
      kind: request.orderId === null ? 'hold' : 'order',
      mode: 'complete',
      holdSeconds: 0,
      status: 'pending',
    },
    candidates,
    Availability.of(levels, open),
    strategy,
    new RankingCache(candidates.warehouses),
  );
}

/** Products that a plan lacks and of which an unpaid reservation is past due: free it and plan again. */
export async function reclaimableOf(tx: Transaction, { missing }: ReservationPlan): Promise<number[]> {
  return missing.size === 0 ? [] : [...(await selectReclaimableProducts(tx, [...missing.keys()]))];
}

/** Lets reservations keep further units. The caller has their locks; the stock itself is changed through the ledger. */
export async function growLines(tx: Transaction, units: readonly MoreUnits[]): Promise<void> {
  if (units.length > 0) await addToLines(tx, units);
}
