import type { Database, Transaction } from '../../../platform/database/database';
import { checkCountable } from '../../stock/ledger/rules';
import { lockStock, postLedger } from '../../stock/ledger/ledger';
import { insertEmptyStock } from '../../stock/ledger/queries';
import type { Allocation, LedgerEntry, StockKey } from '../../stock/ledger/types';
import { allocateBackorders, applyAllocation } from '../../ordering/backorders/allocate';
import { appendEvents } from '../../orders/events';
import type { NewEvent } from '../../orders/types';
import { lockOrders } from '../../orders/lock';
import { assignUnits } from '../../stock/tracking/assign-units';
import {
  selectReturnLines,
  updateReturn,
  updateReturnLines,
  type LineChange,
  type LockedReturn,
} from './queries';
import { afterReturnEvent, isSettled } from './rules';
import { changesOf, onReturn } from './steps';
import type { ReturnStep, ReturnView } from './types';

export interface InspectionResult {
  sku: string;
  /** Units as good as new: back on hand, to waiting backorders first. */
  restock: number;
  /** Units given up: in the ledger as returned and as written off, so that they are seen, and nothing is left on hand. */
  writeOff: number;
  /** Serial numbers of units that are restocked, and of those that are given up, as far as they were read off. */
  serials?: readonly string[] | undefined;
  writeOffSerials?: readonly string[] | undefined;
}

/**
 * Decides what becomes of goods that came in. When the last of them is decided and no more are awaited, the return is completed.
 *
 * @throws NOT_FOUND; RETURN_CLOSED before anything came in or after the end; RETURN_EXCEEDS_RECEIVED; QUANTITY_OVERFLOW;
 * what `assignUnits` throws
 */
export function inspectReturn(
  db: Database,
  request: ReturnStep & { results: readonly InspectionResult[] },
): Promise<ReturnView> {
  const { returnId } = request;
  return onReturn(db, { ...request, step: 'inspect' }, async (tx, goods) => {
    const { warehouseId } = goods;
    if (warehouseId === null) throw new Error('a return that was received has no location');
    const { changes } = await changesOf(tx, {
      returnId,
      asked: request.results,
      change: ({ restock, writeOff }) => ({ received: 0, restocked: restock, writtenOff: writeOff }),
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
    const freed = await takeBack(tx, request, goods, changes, warehouseId);
    await tellOrders(tx, freed, {
      orderId: goods.orderId,
      type: settled ? 'return_completed' : 'return_inspected',
      data: { returnId, results: request.results },
    });
  });
}

/** `changes` are in the order of the results. */
async function takeBack(
  tx: Transaction,
  { returnId, stepId: effectId, actor, results }: ReturnStep & { results: readonly InspectionResult[] },
  { orderId }: LockedReturn,
  changes: readonly LineChange[],
  warehouseId: number,
): Promise<Allocation[]> {
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
    const { serials = [], writeOffSerials = [] } = results[index] ?? {};
    const back = entry(productId, 'return', restocked + writtenOff);
    await assignUnits(tx, back, { serials: [...serials, ...writeOffSerials] });
    entries.push(back);
    if (writtenOff === 0) continue;
    const gone = entry(productId, 'write_off', -writtenOff);
    await assignUnits(tx, gone, { serials: writeOffSerials });
    entries.push(gone);
  }
  await postLedger(tx, entries);
  return changes
    .filter(({ restocked }) => restocked > 0)
    .map(({ productId, restocked }) => ({ productId, warehouseId, quantity: restocked }));
}

async function tellOrders(tx: Transaction, freed: readonly Allocation[], event: NewEvent): Promise<void> {
  const allocated = await allocateBackorders(tx, freed);
  // All order rows in one go, in their order: the single calls below lock subsets of them.
  const events = [event, ...allocated.events];
  await lockOrders(tx, [...new Set(events.map(({ orderId }) => orderId))]);
  await applyAllocation(tx, allocated);
  await appendEvents(tx, [event]);
}
