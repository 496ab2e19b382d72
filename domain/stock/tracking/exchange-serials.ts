import type { Transaction } from '../../../platform/database/database';
import { countInStock, placeSerials, selectKnownSerials, selectSerialsOfParcel } from './assign-queries';
import { refuse } from './assign-units';
import { holdSerialsAgain, reduceHoldsOfSerials } from './exchange-queries';
import { packedFault, serialFault, twiceFault } from './rules';
import type { KnownSerial, LeftParcel, NamedProduct, PlacedSerial } from './types';

/**
 * Puts the serial numbers that were really in a parcel in the place of those that were taken for it. One that was taken
 * wrongly is in stock again, or with the parcel that the right one had been taken for. No counter changes. One that was on quality hold
 * is gone and leaves its hold; one that is back and had been taken off a hold is on hold again.
 *
 * A right one may have been given up by a correction, as by a count that did not find it. The wrong one is in stock again in its place as
 * far as units without a number are there, else it is given up.
 *
 * @param onHand units at the place, whose stock row the caller has locked
 * @returns other parcels that got one of the numbers
 * @throws SERIAL_NOT_THERE for a number that is not in stock at the parcel's warehouse, and was neither taken from there without being
 * named nor given up there by a correction; SERIAL_PACKED
 */
export async function exchangeSerials(
  tx: Transaction,
  parcel: LeftParcel,
  { sku, productId }: NamedProduct,
  { serials, onHand }: { serials: readonly string[]; onHand: number },
): Promise<string[]> {
  const { shipmentId, warehouseId } = parcel;
  refuse(twiceFault(sku, { serials }));
  const known = await selectKnownSerials(tx, productId, serials);
  const isMine = (s: KnownSerial) => s.status === 'shipped' && s.effectId === shipmentId;
  const mayBeTaken = (s: KnownSerial) =>
    s.status === 'in_stock' || s.status === 'removed' || (s.status === 'shipped' && !s.named);
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
  let unnumbered = onHand - (await countInStock(tx, { productId, warehouseId }));
  const back: KnownSerial[] = [];
  const others = new Set<string>();
  for (const right of known.filter((serial) => !isMine(serial))) {
    const wrong = guessed.shift();
    placed.push(inParcel(parcel, right, wrong));
    if (!wrong) continue;
    if (right.status === 'shipped') {
      const { status, orderId, reference, effectId } = right;
      placed.push({ ...wrong, status, orderId, reference, effectId, kind: 'ship', named: false });
      others.add(effectId);
      continue;
    }
    const isThere = right.status === 'in_stock' || unnumbered > 0;
    if (right.status === 'removed' && isThere) unnumbered -= 1;
    if (isThere) back.push(wrong);
    placed.push(outOfParcel(parcel, wrong, isThere));
  }
  await reduceHoldsOfSerials(
    tx,
    placed.map(({ id }) => id),
  );
  await placeSerials(tx, placed);
  await holdAgain(tx, back);
  return [...others];
}

/** The right number is in the parcel. */
function inParcel(
  { shipmentId, orderId }: LeftParcel,
  right: KnownSerial,
  wrong: KnownSerial | undefined,
): PlacedSerial {
  const { id, isHeld, holdId } = right;
  const isOut = right.status === 'shipped';
  return {
    id,
    status: 'shipped',
    orderId,
    reference: wrong?.reference ?? null,
    kind: 'ship',
    effectId: shipmentId,
    named: true,
    wasBlocked: isOut ? right.wasBlocked : isHeld,
    leftHoldId: isOut ? right.leftHoldId : holdId,
  };
}

/** The wrong number is at the place again, or was given up since. */
function outOfParcel({ shipmentId }: LeftParcel, { id }: KnownSerial, isThere: boolean): PlacedSerial {
  return {
    id,
    status: isThere ? 'in_stock' : 'removed',
    orderId: null,
    reference: null,
    kind: 'exchange',
    effectId: shipmentId,
    named: false,
    wasBlocked: false,
    leftHoldId: null,
  };
}

/** Numbers that are back go on hold again where they had been on one, those of one hold together. */
async function holdAgain(tx: Transaction, back: readonly KnownSerial[]): Promise<void> {
  const byHold = new Map<string, number[]>();
  for (const { id, leftHoldId } of back) {
    if (leftHoldId !== null) byHold.set(leftHoldId, [...(byHold.get(leftHoldId) ?? []), id]);
  }
  for (const [takenOff, ids] of byHold) await holdSerialsAgain(tx, takenOff, ids);
}
