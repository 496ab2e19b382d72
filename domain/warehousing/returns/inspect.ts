import type { Database, Transaction } from '../../../platform/database/database';
import { writeOrderEffects, type OrderEffects } from '../../orders/effects';
import {
  checkCountable,
  insertEmptyStock,
  lockStock,
  type StockLedger,
} from '../../stock/ledger/stock-ledger';
import type { LedgerEntry, StockKey } from '../../stock/ledger/types';
import { assignUnits, checkNamed } from '../../stock/tracking/assign-units';
import { together } from '../../stock/tracking/rules';
import type { NamedLot } from '../../stock/tracking/types';
import {
  selectReturnLines,
  updateReturn,
  updateReturnLines,
  type LineChange,
  type LockedReturn,
} from './queries';
import { planReturnRefunds, type AcceptedUnits } from './refund';
import { afterReturnEvent, isSettled } from './rules';
import { changesOf, onReturn } from './steps';
import type { RestockingFee, ReturnStep, ReturnView } from './types';

export interface InspectionResult {
  sku: string;
  /** Units as good as new: back on hand, for those who wait first. */
  restock: number;
  /** Units given up: in the ledger as returned and as written off, so that they are seen, and nothing is left on hand. */
  writeOff: number;
  /** Serial numbers of units that are restocked, and of those that are given up, as far as they were read off. */
  serials?: readonly string[] | undefined;
  writeOffSerials?: readonly string[] | undefined;
  /** Lots of these units, likewise. */
  lots?: readonly NamedLot[] | undefined;
  writeOffLots?: readonly NamedLot[] | undefined;
  /** For how many of both money goes back; absent: what the return was authorised with, for all of them. */
  refundQuantity?: number | undefined;
  /** Kept of the price of each of them; absent: what the return was authorised with. */
  restockingFee?: RestockingFee | undefined;
}

/**
 * Decides what becomes of goods that came in. When the last of them is decided and no more are awaited, the return is completed.
 * What goes back for them is planned in the same transaction.
 *
 * @throws NOT_FOUND; RETURN_CLOSED before anything came in or after the end; RETURN_EXCEEDS_RECEIVED; QUANTITY_OVERFLOW;
 * what `assignUnits` throws
 */
export function inspectReturn(
  { db, stock }: { db: Database; stock: StockLedger<OrderEffects> },
  request: ReturnStep & { results: readonly InspectionResult[] },
): Promise<ReturnView> {
  const { returnId } = request;
  return onReturn(db, { ...request, step: 'inspect' }, async (tx, goods) => {
    const { warehouseId } = goods;
    if (warehouseId === null) throw new Error('a return that was received has no location');
    const { changes } = await changesOf(tx, {
      returnId,
      asked: request.results,
      change: ({ restock, writeOff, refundQuantity }) => ({
        received: 0,
        restocked: restock,
        writtenOff: writeOff,
        refunded: refundQuantity ?? (goods.refund === 'price' ? restock + writeOff : 0),
      }),
      room: (line) => line.received - line.restocked - line.writtenOff,
      code: 'RETURN_EXCEEDS_RECEIVED',
    });
    const keys = changes.map(({ productId }): StockKey => ({ productId, warehouseId }));
    await insertEmptyStock(tx, keys);
    for (const { onHand, productId } of await lockStock(tx, keys)) {
      const change = changes.find((candidate) => candidate.productId === productId);
      checkCountable(onHand + (change?.restocked ?? 0));
    }
    await updateReturnLines(tx, returnId, changes);
    const settled = isSettled(await selectReturnLines(tx, returnId), goods.closedToArrivals);
    const status = settled ? afterReturnEvent(goods.next, 'complete') : goods.next;
    await updateReturn(tx, returnId, { status: status ?? goods.next });
    const taken = await stock.post(tx, await unitsBack(tx, request, goods, { changes, warehouseId }));
    const accepted = changes.map(({ productId, restocked, writtenOff, refunded }, index): AcceptedUnits => {
      const fee = request.results[index]?.restockingFee ?? goods.restockingFee;
      return { productId, quantity: restocked + writtenOff, refunded, fee };
    });
    const { orderId } = goods;
    const refund = await planReturnRefunds(tx, request, { orderId, accepted });
    const event = {
      orderId,
      type: settled ? 'return_completed' : 'return_inspected',
      actor: request.actor,
      data: { returnId, results: request.results, refundMinor: refund.amountMinor, actor: request.actor },
    };
    await writeOrderEffects(tx, [taken?.effects, { moves: [], events: [event, ...refund.events] }]);
  });
}

/** Entries for units that come back, with the units that were named moved. `changes` are in the order of the results. */
async function unitsBack(
  tx: Transaction,
  { returnId, stepId: effectId, actor, results }: ReturnStep & { results: readonly InspectionResult[] },
  { orderId }: LockedReturn,
  { changes, warehouseId }: { changes: readonly LineChange[]; warehouseId: number },
): Promise<LedgerEntry[]> {
  const entry = (productId: number, kind: 'return' | 'write_off', onHandDelta: number): LedgerEntry => {
    const reference = `return:${returnId}`;
    return {
      productId,
      warehouseId,
      kind,
      onHandDelta,
      reservedDelta: 0,
      effectId,
      orderId,
      reference,
      actor,
    };
  };
  const entries: LedgerEntry[] = [];
  for (const [index, { productId, restocked, writtenOff }] of changes.entries()) {
    const { serials, writeOffSerials, lots, writeOffLots } = results[index] ?? {};
    const named = { serials, lots };
    const namedGone = { serials: writeOffSerials, lots: writeOffLots };
    await checkNamed(tx, productId, [
      { units: restocked, named },
      { units: writtenOff, named: namedGone },
    ]);
    const back = entry(productId, 'return', restocked + writtenOff);
    await assignUnits(tx, back, together(named, namedGone));
    entries.push(back);
    if (writtenOff === 0) continue;
    const gone = entry(productId, 'write_off', -writtenOff);
    await assignUnits(tx, gone, namedGone);
    entries.push(gone);
  }
  return entries;
}
