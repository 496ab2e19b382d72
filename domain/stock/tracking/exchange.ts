import type { Transaction } from '../../../platform/database/database';
import {
  placeSerials,
  selectKnownLots,
  selectKnownSerials,
  selectLotsOfParcel,
  selectSerialsOfParcel,
  type PlacedSerial,
} from './assign-queries';
import { refuse } from './assign-units';
import { moveLots } from './queries';
import { lotFault, packedFault, serialFault, twiceFault, codeKey } from './rules';
import type { KnownSerial, NamedLot, NamedProduct } from './types';

/** A parcel that has left. */
interface LeftParcel {
  shipmentId: string;
  orderId: string;
  warehouseId: number;
}

/**
 * Puts the serial numbers that were really in a parcel in the place of those that were taken for it. One that was taken
 * wrongly is in stock again, or with the parcel that the right one had been taken for. No counter changes. The caller holds
 * the stock row's lock.
 *
 * @throws SERIAL_NOT_THERE for a number that is neither in stock at the parcel's warehouse nor was taken from there without being
 * named; SERIAL_PACKED
 */
export async function exchangeSerials(
  tx: Transaction,
  parcel: LeftParcel,
  { sku, productId }: NamedProduct,
  serials: readonly string[],
): Promise<void> {
  const { shipmentId, orderId, warehouseId } = parcel;
  refuse(twiceFault(sku, { serials }));
  const known = await selectKnownSerials(tx, productId, serials);
  const isMine = (s: KnownSerial) => s.status === 'shipped' && s.effectId === shipmentId;
  const mayBeTaken = (s: KnownSerial) => s.status === 'in_stock' || (s.status === 'shipped' && !s.named);
  refuse(
    serialFault(sku, serials, known, (s) => isMine(s) || (s.warehouseId === warehouseId && mayBeTaken(s))),
  );
  refuse(packedFault(sku, known, null));
  const wanted = new Set(known.map(({ serial }) => serial));
  const guessed = (await selectSerialsOfParcel(tx, productId, parcel)).filter(
    ({ serial }) => !wanted.has(serial),
  );
  const placed: PlacedSerial[] = known
    .filter((serial) => isMine(serial) && !serial.named)
    .map((mine) => ({ ...mine, kind: 'ship', named: true }));
  for (const right of known.filter((serial) => !isMine(serial))) {
    const { id } = right;
    const wrong = guessed.shift();
    const reference = wrong?.reference ?? null;
    placed.push({
      id,
      status: 'shipped',
      orderId,
      reference,
      kind: 'ship',
      effectId: shipmentId,
      named: true,
    });
    if (!wrong) continue;
    const { status, orderId: order, reference: of } = right;
    const isBack = status === 'in_stock';
    placed.push({
      id: wrong.id,
      status,
      orderId: order,
      reference: of,
      kind: isBack ? 'exchange' : 'ship',
      effectId: isBack ? shipmentId : right.effectId,
      named: false,
    });
  }
  await placeSerials(tx, placed);
}

/**
 * The same for lots: units of the named lots leave in the place of others that left. The caller holds the stock row's lock.
 *
 * @throws UNKNOWN_LOT, LOT_SHORT
 */
export async function exchangeLots(
  tx: Transaction,
  { shipmentId, orderId, warehouseId }: LeftParcel,
  { sku, productId }: NamedProduct,
  lots: readonly NamedLot[],
): Promise<void> {
  refuse(twiceFault(sku, { lots }));
  const left = await selectLotsOfParcel(tx, productId, shipmentId);
  const out = new Map(left.map(({ code, quantity }) => [codeKey(code), quantity]));
  const codes = lots.map(({ code }) => code);
  const known = await selectKnownLots(tx, { productId, warehouseId }, codes, null);
  const missing = lots.flatMap(({ code, quantity }) => {
    const more = quantity - (out.get(codeKey(code)) ?? 0);
    return more > 0 ? [{ code, quantity: more }] : [];
  });
  refuse(lotFault(sku, missing, known));

  const named = new Map(lots.map(({ code, quantity }) => [codeKey(code), quantity]));
  let toReturn = missing.reduce((sum, { quantity }) => sum + quantity, 0);
  const back = left.flatMap(({ code, quantity, expiresOn }) => {
    const units = Math.min(toReturn, Math.max(0, quantity - (named.get(codeKey(code)) ?? 0)));
    toReturn -= units;
    return units > 0 ? [{ productId, warehouseId, code, expiresOn, units }] : [];
  });
  const expiry = new Map(known.map(({ code, expiresOn }) => [code, expiresOn]));
  const gone = missing.map(({ code, quantity }) => {
    return { productId, warehouseId, code, expiresOn: expiry.get(code) ?? null, units: -quantity };
  });
  if (gone.length === 0) return;
  await moveLots(tx, [...back, ...gone], { kind: 'ship', effectId: shipmentId, orderId, reference: null });
}
