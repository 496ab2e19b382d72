import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import type { StockKey } from '../ledger/types';
import { countInStock, moveSerials, selectKnownSerials, selectTakenByRule } from './assign-queries';
import { takeInSerials } from './take-in-serials';
import { takeOutOfStock } from './take-out';
import { isGivenUp, type MovingEntry } from './types';

/** Serial numbers of a receipt that is corrected after its units were counted, so that their number stays as it was counted. */
interface CountedSerials extends StockKey {
  sku: string;
  serials: readonly string[];
  entry: MovingEntry;
}

/**
 * Takes numbers out that never came. One that the count has taken off already stays out. For the others, numbers that the count took
 * without anybody naming them are there again: it was not those that were missing.
 *
 * @param given.receivedAt RFC 3339, with microseconds
 * @throws UNITS_HAVE_LEFT for a number that is out, on its way, packed or on hold
 */
export async function takeOutCounted(
  tx: Transaction,
  { receivedAt, ...given }: CountedSerials & { receivedAt: string },
): Promise<void> {
  const { productId, warehouseId, sku, serials, entry } = given;
  const known = await selectKnownSerials(tx, productId, serials);
  const gone = new Set(known.filter(({ status }) => isGivenUp(status)).map((serial) => serial.given));
  const there = serials.filter((serial) => !gone.has(serial));
  if (there.length === 0) return;
  await takeOutOfStock(tx, { productId, warehouseId, sku, serials: there, entry });
  const out = new Set(known.map(({ id }) => id));
  const limit = there.length + gone.size;
  const taken = (await selectTakenByRule(tx, given, { since: receivedAt, limit })).filter(
    (id) => !out.has(id),
  );
  const back = taken.slice(0, there.length);
  if (back.length > 0) await moveSerials(tx, back, { warehouseId, incoming: true }, entry);
}

/**
 * Takes numbers in that came in addition. As many of them as would be more than units are on hand are given up at once: the count did not
 * find them.
 *
 * @param given.onHand units at the place
 * @throws DUPLICATE_SERIAL
 */
export async function takeInCounted(
  tx: Transaction,
  { onHand, ...given }: CountedSerials & { onHand: number },
): Promise<void> {
  const { productId, warehouseId, serials, entry } = given;
  await takeInSerials(
    tx,
    serials.map((serial) => ({ productId, warehouseId, serial })),
    entry,
  );
  const surplus = (await countInStock(tx, given)) - onHand;
  if (surplus <= 0) return;
  const known = await selectKnownSerials(tx, productId, serials);
  const ids = known.slice(-surplus).map(({ id }) => id);
  if (ids.length < surplus) throw new AppError('UNITS_HAVE_LEFT', 'Fewer units than numbers are there.');
  await moveSerials(tx, ids, { warehouseId, incoming: false }, entry);
}
