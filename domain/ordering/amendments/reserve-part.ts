import type { Transaction } from '../../../platform/database/database';
import { derivedId } from '../../../platform/ids';
import { reserve } from '../../stock/ledger/stock-ledger';
import type { Begun } from './begun';
import type { OpenAmendment } from './types';

/** Reserves what an amendment adds as a part of its own, which has a payment of its own. Returns the id of its reservation. */
export async function reservePart(
  tx: Transaction,
  { orderId, requestId }: OpenAmendment,
  { order, plan, reservations }: Pick<Begun, 'order' | 'plan' | 'reservations'>,
): Promise<string> {
  const id = derivedId('amendment', requestId);
  const seq = Math.max(0, ...reservations.map((one) => one.seq)) + 1;
  const { holdSeconds } = order;
  const allocations = plan?.allocations ?? [];
  await reserve(tx, {
    kind: 'reserve',
    reservations: [
      { id, kind: 'order', orderId, seq, status: 'pending', attempt: 0, holdSeconds, allocations },
    ],
  });
  return id;
}
