import type { Database, Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import {
  closeLines,
  lockReservations,
  openLines,
  setReservationStatus,
  type ReservationRow,
} from './reservations';
import { listWarehouses } from '../../catalog/warehouses';
import { lockStock, type StockAccess } from '../ledger/stock-ledger';
import type { LedgerEntry } from '../ledger/types';
import { assignUnits } from '../tracking/assign-units';
import { findTracked } from '../tracking/tracking';
import type { NamedLot, NamedUnits } from '../tracking/types';
import { freeReservations } from './free-reservations';
import { selectSkusOfReservation, updateDueTime } from './expiry-queries';
import {
  decideReservation,
  reservationState,
  type ReservationAction,
  type ReservationRefusal,
} from './rules';

/**
 * Keeps a reservation until it is shipped or released: it no longer falls due. Again, it changes nothing.
 *
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_EXPIRED (also when it is due and not freed yet), HOLD_RELEASED, ALREADY_SHIPPED
 */
export function confirmReservation(db: Database, id: string): Promise<void> {
  return changeReservation(db, id, 'confirm', (tx) => setReservationStatus(tx, [id], 'confirmed'));
}

/**
 * Gives a reservation's stock back, confirmed or not. Again, or after it expired, it changes nothing.
 *
 * @param sku releases only a reservation of this SKU and no other
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_OF_SEVERAL_SKUS, ALREADY_SHIPPED
 */
export async function releaseReservation(
  { db, stock }: StockAccess,
  id: string,
  sku?: string,
): Promise<void> {
  if (sku !== undefined) {
    const skus = await selectSkusOfReservation(db, id);
    if (!skus.includes(sku)) throw notFound();
    if (skus.length > 1) {
      throw new AppError('HOLD_OF_SEVERAL_SKUS', 'This hold is on several SKUs: release it as a whole.', {
        skus: skus.sort(),
      });
    }
  }
  await changeReservation(db, id, 'release', (tx) => freeReservations(tx, stock, [id], 'release'));
}

/**
 * Lets a reservation fall due later: at `expiresAt`, or `holdSeconds` from now.
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

/** Units of one SKU that leave with a reservation. */
export interface NamedItem extends NamedUnits {
  sku: string;
  /** Warehouse code: where they are. Needed where the reservation takes the SKU from several. */
  location?: string | undefined;
}

/**
 * The units of a confirmed reservation leave: what is on hand and what is reserved go down together. Again, it changes nothing.
 *
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_NOT_CONFIRMED, HOLD_EXPIRED, HOLD_RELEASED; NOT_IN_PARCEL for a named item that
 * the reservation has not; LOT_BLOCKED where too few units are neither on quality hold nor past their last day; what `assignUnits` throws
 */
export async function shipReservation(
  access: StockAccess,
  id: string,
  items: readonly NamedItem[] = [],
): Promise<void> {
  try {
    await shipUnits(access, id, items);
  } catch (error) {
    throw translateDatabaseError(error);
  }
}

function shipUnits({ db, stock }: StockAccess, id: string, items: readonly NamedItem[]): Promise<void> {
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
    if (items.length > 0) await assignItems(tx, entries, items);
    await stock.change(tx, entries);
  });
}

async function assignItems(
  tx: Transaction,
  entries: readonly LedgerEntry[],
  items: readonly NamedItem[],
): Promise<void> {
  const products = await findTracked(tx, [...new Set(items.map(({ sku }) => sku))]);
  const warehouses = new Map((await listWarehouses(tx)).map(({ id, code }) => [code, id]));
  const ofEntries = new Map<LedgerEntry, { serials: string[]; lots: NamedLot[] }>();
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
    const all = ofEntries.get(entry) ?? { serials: [], lots: [] };
    all.serials.push(...(named.serials ?? []));
    all.lots.push(...(named.lots ?? []));
    ofEntries.set(entry, all);
  }
  // Several items may name units of the same line: together they are no more than what leaves, and none is named twice.
  for (const [entry, named] of ofEntries) await assignUnits(tx, entry, named);
}

const REFUSALS: Readonly<Record<ReservationRefusal, string>> = {
  HOLD_EXPIRED: 'The hold has expired.',
  HOLD_RELEASED: 'The hold was released.',
  HOLD_CONFIRMED: 'The hold is confirmed: it no longer falls due.',
  HOLD_NOT_CONFIRMED: 'The hold is not confirmed.',
  ALREADY_SHIPPED: 'The units of this hold have left.',
};

/** Decides under the reservation's lock, by PostgreSQL's clock, so that of several at once exactly one is done. */
function changeReservation(
  db: Database,
  id: string,
  action: ReservationAction,
  change: (tx: Transaction, reservation: ReservationRow) => Promise<void>,
): Promise<void> {
  return db.retrying(async (tx) => {
    const [reservation] = await lockReservations(tx, [id]);
    if (reservation?.kind === 'order') {
      const { orderId } = reservation;
      throw new AppError('HOLD_OF_ORDER', 'This hold belongs to an order, which alone may change it.', {
        orderId,
      });
    }
    if (reservation?.kind !== 'hold') throw notFound();
    const decision = decideReservation(action, reservationState(reservation.status, reservation.msLeft));
    if (decision === 'done') return;
    if (decision !== 'do') throw new AppError(decision, REFUSALS[decision]);
    await change(tx, reservation);
  });
}

function notFound(): Error {
  return new AppError('HOLD_NOT_FOUND', 'There is no such hold.');
}
