import type { AddedUnits, AmendableRow, SourcingChange } from '../../orders/amend';
import type { NewEvent } from '../../orders/types';
import type { ReservationPlan } from '../../stock/reservations/plan-reservation';
import type { ReservationRow } from '../../stock/reservations/reservations';
import type { WaitingRow } from '../backorders/backorders';
import type { ItemChanges } from './rules';

/** The order under all of its locks, and what changes. */
export interface Begun {
  order: AmendableRow;
  changes: ItemChanges;
  /** Null: nothing is added. */
  plan: ReservationPlan | null;
  added: AddedUnits[];
  /** What the order waits for. */
  waiting: readonly WaitingRow[];
  reservations: readonly ReservationRow[];
}

/** The decisions of a plan, each in place of the earlier one about its SKU. */
export function sourcingOf({ decisions }: ReservationPlan): SourcingChange {
  return { skus: decisions.map(({ sku }) => sku), decisions };
}

/** Where the units of a plan are taken from, in the order's history. */
export function stockReserved(
  orderId: string,
  reservationId: string,
  { decisions }: ReservationPlan,
): NewEvent {
  const allocations = decisions.flatMap(({ sku, candidates }) =>
    candidates
      .filter(({ taken }) => taken > 0)
      .map(({ warehouse, taken }) => ({ sku, warehouse, quantity: taken })),
  );
  return { orderId, type: 'stock_reserved', data: { reservationId, allocations } };
}
