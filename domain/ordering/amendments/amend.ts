import type { Database, Transaction } from '../../../platform/database/database';
import type { WarehouseDirectory } from '../../catalog/warehouses';
import type { PaymentGateway } from '../../payments/gateway';
import { readCandidates } from '../../stock/reservations/candidates';
import { lockOrderReservations, type ReservationRow } from '../../stock/reservations/reservations';
import type { SourcingStrategy } from '../../stock/sourcing/types';
import { readCut } from '../cuts/request';
import { reclaimExpired } from '../expire';
import { existingProgress } from '../progress';
import type { OrderProgress } from '../types';
import type { UnpaidLimits } from '../unpaid-limits';
import { begin } from './begin';
import { afterCharge, finish, undo } from './settle';
import { selectOpenForUpdate, selectOpenSkus } from './queries';
import type { OpenAmendment } from './types';

/** Goes on with what an order is to be amended by. Returns the order's progress. */
export type OrderAmender = (orderId: string) => Promise<OrderProgress>;

export interface AmenderOptions {
  db: Database;
  warehouses: WarehouseDirectory;
  gateway: Pick<PaymentGateway, 'amountProblem'>;
  strategy: SourcingStrategy;
  /** How often additions to one order may be declined. */
  attemptLimit: number;
  /** Of customers who have placed the order themselves. */
  unpaidLimits: UnpaidLimits;
}

/**
 * Amends orders before they are booked, all or nothing. Of an unpaid order its pending reservation changes in one transaction. What is
 * added to a paid one is a reservation with a payment of its own; once that is paid, what is taken out is cut; if it is not, it is given up
 * and the order is as before. Meanwhile the order's parcels are not booked. A second call finds nothing to do.
 */
export function createOrderAmender(options: AmenderOptions): OrderAmender {
  const { db } = options;

  /** Returns products of which due reservations are to be freed before a shortage is decided. */
  async function goOn(orderId: string, mayReclaim: boolean): Promise<number[]> {
    const lines = (await selectOpenSkus(db, orderId)).map((sku) => ({ sku, quantity: 0 }));
    const candidates = await readCandidates(options, [{ lines }]);
    return db.retrying(async (tx) => {
      const reservations = await lockOrderReservations(tx, orderId);
      const open = await selectOpenForUpdate(tx, orderId);
      const begun = open.find(({ stage }) => stage !== null);
      if (begun && (await settled(tx, begun, reservations))) return [];
      const next = open.find(({ stage }) => stage === null);
      if (!next) return [];
      return begin(tx, next, {
        ...options,
        candidates,
        reservations,
        mayReclaim,
        isBeingAmended: begun !== undefined,
      });
    });
  }

  return async (orderId) => {
    const reclaimable = await goOn(orderId, true);
    if (reclaimable.length > 0) {
      await reclaimExpired(db, reclaimable);
      await goOn(orderId, false);
    }
    return existingProgress(db, orderId);
  };
}

/** Goes on with an amendment that was begun; false where it waits for its payment or its cuts. */
async function settled(
  tx: Transaction,
  amendment: OpenAmendment,
  reservations: readonly ReservationRow[],
): Promise<boolean> {
  if (amendment.stage === 'cutting') {
    if ((await readCut(tx, amendment.requestId))?.isOpen) return false;
    await finish(tx, amendment);
    return true;
  }
  const own = reservations.find(({ id }) => id === amendment.reservationId);
  switch (own?.status) {
    case 'charging':
      return false;
    case 'confirmed':
    case 'shipped':
      await afterCharge(tx, amendment);
      return true;
    case 'pending':
      if (own.attempt === 0) return false;
  }
  await undo(tx, amendment, own);
  return true;
}
