import type { Transaction } from '../../../platform/database/database';
import { amendOrder } from '../../orders/amend';
import { appendEvents } from '../../orders/events';
import { deleteAmendment, updateDone, updateRefused } from './queries';
import { AMENDMENT_IN_PROGRESS, type AmendRefusal, type OpenAmendment, type OrderedItems } from './types';

/** Ends an amendment as refused: the order is as before. Locks the order's row. */
export async function refuse(
  tx: Transaction,
  { orderId, requestId }: OpenAmendment,
  refusal: AmendRefusal,
): Promise<[]> {
  await updateRefused(tx, requestId, refusal);
  const { code, detail } = refusal;
  await appendEvents(tx, [{ orderId, type: 'amend_refused', data: { requestId, code, detail } }]);
  return [];
}

/** Forgets an amendment that something else stands in the way of which passes: the same request may come again. Locks the order's row. */
export async function putOff(
  tx: Transaction,
  { orderId, requestId }: OpenAmendment,
  detail: string,
): Promise<[]> {
  await deleteAmendment(tx, requestId);
  const data = { requestId, code: AMENDMENT_IN_PROGRESS, detail };
  await appendEvents(tx, [{ orderId, type: 'amend_refused', data }]);
  return [];
}

/**
 * Ends an amendment that is done. Locks the order's row.
 *
 * @param done.notTakenOut units that should have been taken out and could not: they are said
 */
export async function conclude(
  tx: Transaction,
  { orderId, requestId, shipTo }: OpenAmendment,
  {
    items,
    totalMinor,
    notTakenOut = [],
  }: { items: OrderedItems; totalMinor: number; notTakenOut?: OrderedItems },
): Promise<void> {
  const left = notTakenOut.length === 0 ? {} : { notTakenOut };
  await updateDone(tx, requestId, left);
  await amendOrder(tx, orderId, { added: [], totalMinor: 0, items });
  const data = { requestId, items, totalMinor, ...left, ...(shipTo === null ? {} : { shipTo }) };
  await appendEvents(tx, [{ orderId, type: 'order_amended', data }]);
}
