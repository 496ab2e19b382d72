import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import type { LedgerEntry } from '../ledger/types';
import { moveSerials, selectKnownLots, selectKnownSerials, selectLotsOut } from './assign-queries';
import { moveKnownLots } from './lots';
import { insertSerials, selectTrackedProduct } from './queries';
import {
  blockedFault,
  heldFault,
  lotFault,
  namingFault,
  packedFault,
  serialFault,
  twiceFault,
  type NamingFault,
} from './rules';
import {
  isGivenUp,
  type KnownSerial,
  type MovingEntry,
  type NamedLot,
  type NamedProduct,
  type NamedUnits,
} from './types';

/**
 * Moves the units that somebody named for an entry of the ledger, whose trigger then chooses only the rest. To be called
 * before the entry is written, under the lock of its stock row.
 *
 * Out go numbers in stock and free units of lots. In come: with a transfer, what left with it and has not arrived; with a return, numbers that went out with its order; with a
 * correction, new numbers, those that were given up and those of a parcel that left after it was stopped.
 *
 * What is on quality hold does not go out, and with a parcel nothing that has expired or is recalled.
 *
 * @throws NOT_TRACKED, TOO_MANY_UNITS_NAMED, UNITS_NAMED_TWICE, SERIAL_NOT_THERE, SERIAL_PACKED, SERIAL_BLOCKED, DUPLICATE_SERIAL,
 * UNKNOWN_LOT, LOT_SHORT, LOT_BLOCKED, LOT_EXPIRY_MISMATCH
 */
export async function assignUnits(tx: Transaction, entry: LedgerEntry, named: NamedUnits): Promise<void> {
  const { serials = [], lots = [] } = named;
  if (serials.length === 0 && lots.length === 0) return;
  // Under the stock's lock: what a product keeps is changed only under it.
  const product = await selectTrackedProduct(tx, entry.productId);
  if (!product) throw new Error('a product disappeared');
  refuse(namingFault(product, Math.abs(entry.onHandDelta), named));
  refuse(twiceFault(product.sku, named));
  if (lots.length > 0) await moveNamedLots(tx, entry, product, lots);
  if (serials.length > 0) await moveNamedSerials(tx, entry, product, serials);
}

/**
 * Sees that each part of what moves names no more than it is. `assignUnits` sees to the whole.
 *
 * @throws TOO_MANY_UNITS_NAMED, NOT_TRACKED, UNITS_NAMED_TWICE
 */
export async function checkNamed(
  tx: Transaction,
  productId: number,
  parts: readonly { units: number; named: NamedUnits }[],
): Promise<void> {
  if (parts.every(({ named: { serials = [], lots = [] } }) => serials.length + lots.length === 0)) return;
  const product = await selectTrackedProduct(tx, productId);
  if (!product) throw new Error('a product disappeared');
  for (const { units, named } of parts) {
    refuse(namingFault(product, units, named));
    refuse(twiceFault(product.sku, named));
  }
}

/** @throws the fault, where there is one */
export function refuse(fault: NamingFault | null): void {
  if (fault) throw new AppError(fault.code, fault.detail, fault.details);
}

async function moveNamedLots(
  tx: Transaction,
  entry: LedgerEntry,
  { sku, productId }: NamedProduct,
  lots: readonly NamedLot[],
): Promise<void> {
  const { warehouseId } = entry;
  const incoming = entry.onHandDelta > 0;
  const known = await selectKnownLots(
    tx,
    entry,
    lots.map(({ code }) => code),
    null,
  );
  if (!incoming) refuse(lotFault(sku, lots, known));
  if (entry.kind === 'transfer_in' || entry.kind === 'return') {
    const by =
      entry.kind === 'return'
        ? { reference: null, orderId: entry.orderId ?? null }
        : { reference: entry.reference ?? null, orderId: null };
    const codes = lots.map(({ code }) => code);
    refuse(lotFault(sku, lots, await selectLotsOut(tx, productId, by, codes)));
  }
  if (entry.kind === 'ship') refuse(blockedFault(sku, known));
  const expiry = new Map(known.map((lot) => [lot.code, lot.expiresOn]));
  const moves = lots.map(({ code, quantity, expiresOn }) => ({
    productId,
    warehouseId,
    code,
    expiresOn: expiresOn ?? expiry.get(code) ?? null,
    units: incoming ? quantity : -quantity,
  }));
  await moveKnownLots(tx, moves, moving(entry));
}

async function moveNamedSerials(
  tx: Transaction,
  entry: LedgerEntry,
  { sku, productId }: NamedProduct,
  serials: readonly string[],
): Promise<void> {
  const { warehouseId } = entry;
  const incoming = entry.onHandDelta > 0;
  const known = await selectKnownSerials(tx, productId, serials);
  if (!incoming) {
    refuse(serialFault(sku, serials, known, (s) => s.status === 'in_stock' && s.warehouseId === warehouseId));
    refuse(packedFault(sku, known, null));
    if (!entry.reference?.startsWith('quality-hold:')) refuse(heldFault(sku, known));
  } else if (entry.kind === 'transfer_in') {
    refuse(
      serialFault(sku, serials, known, (s) => s.status === 'in_transit' && s.reference === entry.reference),
    );
  } else if (entry.kind === 'return') {
    refuse(serialFault(sku, serials, known, (s) => s.status === 'shipped' && s.orderId === entry.orderId));
  } else {
    refuse(notGivenUp(sku, known));
    const had = new Set(known.map(({ given }) => given));
    const made = serials
      .filter((serial) => !had.has(serial))
      .map((serial) => ({ productId, warehouseId, serial }));
    await insertSerials(tx, made, moving(entry));
  }
  await moveSerials(
    tx,
    known.map(({ id }) => id),
    { warehouseId, incoming },
    moving(entry),
  );
}

/**
 * The fault of numbers that a correction says it found, and that are in stock, on their way or out. One that left with a parcel
 * that had been stopped may be found: no return brings it back, since its order has not shipped it.
 */
function notGivenUp(sku: string, known: readonly KnownSerial[]): NamingFault | null {
  const elsewhere = known.filter(
    ({ status, leftAfterStop }) => !isGivenUp(status) && !(status === 'shipped' && leftAfterStop),
  );
  if (elsewhere.length === 0) return null;
  return {
    code: 'DUPLICATE_SERIAL',
    detail: `Of ${sku} some of these are in stock or were shipped.`,
    details: { sku, serials: elsewhere.map(({ serial }) => serial) },
  };
}

function moving({ kind, effectId, orderId, reference }: LedgerEntry): MovingEntry {
  return { kind, effectId, orderId: orderId ?? null, reference: reference ?? null };
}
