import type { Transaction } from '../../../platform/database/database';
import { AppError, translateDatabaseError } from '../../../platform/errors';
import { effectIsApplied, lockStock } from '../ledger/stock-ledger';
import type { LedgerEntry } from '../ledger/types';
import { assignUnits } from '../tracking/assign-units';
import type { NamedLot, NamedUnits } from '../tracking/types';
import { changeReservation, type ActingAccess } from './decide-change';
import { selectNamedLines, type NamedLine } from './queries';
import { closeLines, setReservationStatus } from './reservations';
import { openUnits } from './rules';

/** Units of one SKU that leave with a reservation. */
export interface NamedItem extends NamedUnits {
  sku: string;
  /** Warehouse code: where they are. Needed where the reservation takes the SKU from several. */
  location?: string | undefined;
}

/** So many units of one SKU leave; the others stay reserved. */
export interface PartItem extends NamedItem {
  quantity: number;
}

/**
 * All units of a confirmed reservation leave: what is on hand and what is reserved go down together. Again, it changes nothing.
 *
 * @throws HOLD_NOT_FOUND, HOLD_OF_ORDER, HOLD_NOT_CONFIRMED, HOLD_EXPIRED, HOLD_RELEASED; NOT_IN_PARCEL for a named item that
 * the reservation has not; LOT_BLOCKED where too few units are neither on quality hold nor past their last day; what `assignUnits` throws
 */
export async function shipReservation(
  access: ActingAccess,
  id: string,
  items: readonly NamedItem[] = [],
): Promise<void> {
  await changeReservation(access.db, id, 'ship', async (tx) => {
    const lines = await selectNamedLines(tx, id);
    await lockStock(tx, lines);
    await setReservationStatus(tx, [id], 'shipped');
    await leave(tx, access, { id, effectId: id, lines, items });
  }).catch(translated);
}

/**
 * Some units of a confirmed reservation leave; the rest stays reserved. With its last unit the reservation is `shipped`.
 *
 * @param partId of this part: again, it changes nothing
 * @throws what `shipReservation` throws; ALREADY_SHIPPED; NOT_IN_PARCEL also for a SKU that is kept in several locations of which none
 * is named, unless all of it leaves; EXCEEDS_HOLD for more units than are reserved
 */
export async function shipPart(
  access: ActingAccess,
  id: string,
  { partId, items }: { partId: string; items: readonly PartItem[] },
): Promise<void> {
  await changeReservation(
    access.db,
    id,
    'ship-part',
    async (tx, { status }) => {
      const kept = await selectNamedLines(tx, id);
      const lines = items.flatMap((item) => linesOf(kept, item));
      await lockStock(tx, lines);
      const isAll = openUnits(lines) === openUnits(kept);
      await setReservationStatus(tx, [id], isAll ? 'shipped' : status);
      await leave(tx, access, { id, effectId: partId, lines, items });
    },
    (tx) => effectIsApplied(tx, 'ship', partId),
  ).catch(translated);
}

function translated(error: unknown): never {
  throw translateDatabaseError(error);
}

function linesOf(kept: readonly NamedLine[], item: PartItem): NamedLine[] {
  const { sku, location, quantity } = item;
  const lines = kept.filter((line) => isOf(line, item));
  const units = openUnits(lines);
  if (units === 0) throw notKept(item);
  if (quantity > units) {
    const where = location === undefined ? '' : ` in ${location}`;
    throw new AppError('EXCEEDS_HOLD', `The hold keeps ${units} of ${sku}${where}.`, { sku, held: units });
  }
  const [line, ...others] = lines;
  if (!line || quantity === units) return lines;
  if (others.length > 0) throw inSeveral(item);
  return [{ ...line, openQuantity: quantity }];
}

interface Leaving {
  id: string;
  effectId: string;
  lines: readonly NamedLine[];
  items: readonly NamedItem[];
}

/** Takes units off the reservation and off the stock. The last step of a transaction. */
async function leave(
  tx: Transaction,
  { stock, actor }: ActingAccess,
  { id, effectId, lines, items }: Leaving,
): Promise<void> {
  const by = actor === undefined ? {} : { actor };
  await closeLines(tx, lines);
  const leaving = lines.map((line) => ({ line, entry: { ...entryOf(line, id, effectId), ...by } }));
  const ofEntries = new Map<LedgerEntry, { serials: string[]; lots: NamedLot[] }>();
  for (const { sku, location, ...units } of items) {
    const [found, ...others] = leaving.filter(({ line }) => isOf(line, { sku, location }));
    if (!found) throw notKept({ sku, location });
    if (units.serials === undefined && units.lots === undefined) continue;
    if (others.length > 0) throw inSeveral({ sku });
    const named = ofEntries.get(found.entry) ?? { serials: [], lots: [] };
    named.serials.push(...(units.serials ?? []));
    named.lots.push(...(units.lots ?? []));
    ofEntries.set(found.entry, named);
  }
  // Several items may name units of the same line: together they are no more than what leaves, and none is named twice.
  for (const [entry, named] of ofEntries) await assignUnits(tx, entry, named);
  await stock.change(
    tx,
    leaving.map(({ entry }) => entry),
  );
}

function entryOf(
  { productId, warehouseId, openQuantity }: NamedLine,
  reservationId: string,
  effectId: string,
): LedgerEntry {
  const delta = -openQuantity;
  const deltas = { onHandDelta: delta, reservedDelta: delta };
  return { productId, warehouseId, kind: 'ship', ...deltas, effectId, reservationId };
}

function isOf(line: NamedLine, { sku, location }: Pick<NamedItem, 'sku' | 'location'>): boolean {
  return line.sku === sku && (location === undefined || line.location === location);
}

function notKept({ sku, location }: Pick<NamedItem, 'sku' | 'location'>): AppError {
  const where = location === undefined ? '' : ` from ${location}`;
  return new AppError('NOT_IN_PARCEL', `Nothing of ${sku} leaves with this hold${where}.`, { sku });
}

function inSeveral({ sku }: Pick<NamedItem, 'sku'>): AppError {
  return new AppError('NOT_IN_PARCEL', `${sku} leaves from several locations: name one.`, { sku });
}
