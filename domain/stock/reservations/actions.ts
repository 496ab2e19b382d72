import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import {
  closeLines,
  lockReservations,
  openLines,
  setReservationStatus,
  type ReservationRow,
} from './reservations';
import { lockStock, postLedger } from '../ledger/ledger';
import { selectWarehouses } from '../ledger/queries';
import type { LedgerEntry } from '../ledger/types';
import { assignUnits } from '../tracking/assign-units';
import { selectTracked } from '../tracking/queries';
import type { NamedUnits } from '../tracking/types';
import { freeReservations } from './free';
import { selectSkusOfReservation, updateDueTime } from './expiry-queries';
import {
  decideReservation,
  reservationState,
  type ReservationAction,
  type ReservationRefusal,
} from './rules';

/**
 * Keeps a hold until it is shipped or released: it no longer falls due. Again, it changes nothing.
 *
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_EXPIRED (also when it is due and not freed yet), HOLD_RELEASED, ALREADY_SHIPPED
 */
export function confirmReservation(db: Database, id: string): Promise<void> {
  return changeReservation(db, id, 'confirm', (tx) => setReservationStatus(tx, [id], 'confirmed'));
}

/**
 * Gives a hold's stock back, confirmed or not. Again, or after it expired, it changes nothing.
 *
 * @param sku releases only a hold on this SKU and no other
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_OF_SEVERAL_SKUS, ALREADY_SHIPPED
 */
export async function releaseReservation(db: Database, id: string, sku?: string): Promise<void> {
  if (sku !== undefined) {
    const skus = await selectSkusOfReservation(db, id);
    if (!skus.includes(sku)) throw notFound();
    if (skus.length > 1) {
      throw new AppError('HOLD_OF_SEVERAL_SKUS', 'This hold is on several SKUs: release it as a whole.', {
        skus: skus.sort(),
      });
    }
  }
  await changeReservation(db, id, 'release', (tx) => freeReservations(tx, [id], 'release'));
}

/**
 * Lets a hold fall due later: at `expiresAt`, or `holdSeconds` from now.
 *
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_EXPIRED, HOLD_CONFIRMED (it no longer falls due), HOLD_RELEASED,
 *   ALREADY_SHIPPED; NOT_LATER when it would fall due earlier than it does now
 */
export function extendReservation(
  db: Database,
  id: string,
  until: { expiresAt: Date | null; holdSeconds: number },
): Promise<void> {
  return changeReservation(db, id, 'extend', async (tx, { expiresAt }) => {
    if (await updateDueTime(tx, id, until)) return;
    throw new AppError('NOT_LATER', 'The hold would fall due earlier than it does now.', { expiresAt });
  });
}

/** Units of one SKU that leave with a hold. */
export interface NamedItem extends NamedUnits {
  sku: string;
  /** Warehouse code: where they are. Needed where the hold takes the SKU from several. */
  location?: string | undefined;
}

/**
 * The units of a confirmed hold leave: what is on hand and what is reserved go down together. Again, it changes nothing.
 *
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_NOT_CONFIRMED, HOLD_EXPIRED, HOLD_RELEASED; NOT_IN_PARCEL for a named item that
 * the hold has not, and what `assignUnits` throws
 */
export function shipReservation(db: Database, id: string, items: readonly NamedItem[] = []): Promise<void> {
  return changeReservation(db, id, 'ship', async (tx) => {
    const lines = await openLines(tx, [id]);
    await lockStock(tx, lines);
    await closeLines(tx, lines);
    await setReservationStatus(tx, [id], 'shipped');
    const entries = lines.map(({ productId, warehouseId, openQuantity }): LedgerEntry => {
      const delta = -openQuantity;
      return {
        productId,
        warehouseId,
        kind: 'ship',
        onHandDelta: delta,
        reservedDelta: delta,
        effectId: id,
        reservationId: id,
      };
    });
    if (items.length > 0) await nameItems(tx, entries, items);
    await postLedger(tx, entries);
  });
}

async function nameItems(
  tx: Transaction,
  entries: readonly LedgerEntry[],
  items: readonly NamedItem[],
): Promise<void> {
  const products = await selectTracked(tx, [...new Set(items.map(({ sku }) => sku))]);
  const warehouses = new Map((await selectWarehouses(tx)).map(({ id, code }) => [code, id]));
  for (const { sku, location, ...named } of items) {
    const productId = products.find((product) => product.sku === sku)?.productId;
    const [entry, ...others] = entries.filter(
      (candidate) =>
        candidate.productId === productId &&
        (location === undefined || candidate.warehouseId === warehouses.get(location)),
    );
    if (!entry || others.length > 0) {
      const detail = entry
        ? `${sku} leaves from several locations: name one.`
        : `Nothing of ${sku} leaves with this hold${location === undefined ? '' : ` from ${location}`}.`;
      throw new AppError('NOT_IN_PARCEL', detail, { sku });
    }
    await assignUnits(tx, entry, named);
  }
}

const REFUSALS: Readonly<Record<ReservationRefusal, string>> = {
  HOLD_EXPIRED: 'The hold has expired.',
  HOLD_RELEASED: 'The hold was released.',
  HOLD_CONFIRMED: 'The hold is confirmed: it no longer falls due.',
  HOLD_NOT_CONFIRMED: 'The hold is not confirmed.',
  ALREADY_SHIPPED: 'The units of this hold have left.',
};

/** Decides under the hold's lock, by PostgreSQL's clock, so that of several at once exactly one is done. */
function changeReservation(
  db: Database,
  id: string,
  action: ReservationAction,
  change: (tx: Transaction, hold: ReservationRow) => Promise<void>,
): Promise<void> {
  return db.retrying(async (tx) => {
    const [hold] = await lockReservations(tx, [id]);
    if (hold?.kind === 'order') {
      const { orderId } = hold;
      throw new AppError('HOLD_OF_ORDER', 'This hold belongs to an order, which alone may change it.', {
        orderId,
      });
    }
    if (hold?.kind !== 'hold') throw notFound();
    const decision = decideReservation(action, reservationState(hold.status, hold.msLeft));
    if (decision === 'done') return;
    if (decision !== 'do') throw new AppError(decision, REFUSALS[decision]);
    await change(tx, hold);
  });
}

function notFound(): Error {
  return new AppError('HOLD_NOT_FOUND', 'There is no such hold.');
}
