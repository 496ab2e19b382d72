import type { Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import type { StockKey } from '../ledger/types';
import {
  moveSerials,
  renameSerial,
  selectFirstKnownBy,
  selectKnownSerials,
  updateReceiptOfSerials,
} from './assign-queries';
import { insertSerials } from './queries';
import { codeKey } from './rules';
import { takeOutOfStock } from './take-out';
import { isGivenUp, type KnownSerial, type MovingEntry } from './types';

interface Replacement {
  serial: string;
  by: string;
}

/**
 * Corrects serial numbers that were read off wrongly when their units came in: as if the right ones had been noted then. A unit of which
 * nothing is known from before gets its right number wherever it is by now, on hold, packed or sold. A number that the product has had
 * before takes the other's place in stock. The caller holds the stock row's lock.
 *
 * @param receivedBy the receipt, and the documents that changed it
 * @throws DUPLICATE_SERIAL for a right number that is in stock, on its way or out; UNITS_HAVE_LEFT for a number that was known before and
 *   is not there and free; SERIAL_NOT_THERE for one that the product does not have
 */
export async function replaceSerials(
  tx: Transaction,
  {
    sku,
    replacements,
    receivedBy,
    entry,
    ...key
  }: StockKey & {
    sku: string;
    replacements: readonly Replacement[];
    receivedBy: readonly string[];
    entry: MovingEntry;
  },
): Promise<void> {
  for (const { serial, by } of inOrder(sku, replacements)) {
    const known = await selectKnownSerials(tx, key.productId, [serial, by]);
    const wrong = known.find(({ given }) => given === serial);
    if (!wrong)
      throw new AppError('SERIAL_NOT_THERE', `There is no ${serial} of ${sku}.`, { sku, serials: [serial] });
    const right = known.find(({ given, id }) => given === by && id !== wrong.id);
    if (right && !isFree(right)) {
      throw new AppError('DUPLICATE_SERIAL', 'The product already has one of these serial numbers.', {
        serials: [by],
      });
    }
    const isNew = (await selectFirstKnownBy(tx, [wrong.id], receivedBy)).length > 0;
    if (isNew && !right) {
      await renameSerial(tx, wrong.id, by);
      continue;
    }
    await takeOutOfStock(tx, { ...key, sku, serials: [serial], entry });
    if (right) {
      await moveSerials(tx, [right.id], { warehouseId: key.warehouseId, incoming: true }, entry);
      await updateReceiptOfSerials(tx, [right.id], entry.receiptId ?? entry.effectId);
    } else await insertSerials(tx, [{ ...key, serial: by }], entry);
  }
}

function isFree({ status }: KnownSerial): boolean {
  return isGivenUp(status);
}

/** A number that others take comes after it has been given up itself. */
function inOrder(sku: string, replacements: readonly Replacement[]): Replacement[] {
  const ordered: Replacement[] = [];
  let open = [...replacements];
  while (open.length > 0) {
    const next = open.find(({ serial, by }) =>
      open.every((other) => other.serial === serial || codeKey(other.serial) !== codeKey(by)),
    );
    if (!next)
      throw new AppError('UNITS_NAMED_TWICE', `Serial numbers of ${sku} replace each other.`, {
        sku,
        units: open.map(({ serial }) => serial),
      });
    ordered.push(next);
    open = open.filter((other) => other !== next);
  }
  return ordered;
}
