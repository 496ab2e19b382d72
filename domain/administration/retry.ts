import type { Database } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { AppError, isAppError } from '../../platform/errors';
import { recordChange, recordSame } from '../audit/record';
import { lockOrders } from '../orders/lock';
import { retryCapture } from '../payments/captures-by-hand';
import { retryRefund } from '../payments/refunds-by-hand';
import { retryFailedWork, type RetriedWork } from '../stock/alerts/failed-work';
import type { Work } from '../stock/alerts/types';
import { selectRetriable, type RetriableRow } from './retry-queries';

/** What is tried again of an order. `saga`: its workflow reads the rows again, and is started where it is gone. */
export interface Retried {
  what: RetriableRow['what'] | 'saga';
  id: string;
  /** How it stands: of money its status, of work and the saga `due`. */
  status: string;
}

/**
 * Lets everything of an order be tried again now that failed or waits for its next try: refunds, captures, work on it, its parcels and
 * reservations, and the step of its saga. What is not open is left as it is. Each is a transaction of its own: after a crash, ask again.
 *
 * @param askLimitMs a refund or capture that the gateway was asked about so recently stays as it is
 * @throws AppError `UNKNOWN_ORDER`
 */
export async function retryOrder(
  db: Database,
  { orderId, actor, askLimitMs }: { orderId: string; actor: string; askLimitMs: number },
): Promise<Retried[]> {
  const retried: Retried[] = [];
  for (const { what, id } of await selectRetriable(db, orderId)) {
    const status = await retryOne(db, { what, id, actor, askLimitMs });
    if (status !== null) retried.push({ what, id, status });
  }
  await db.retrying(async (tx) => {
    const [order] = await lockOrders(tx, [orderId]);
    if (!order) throw new AppError('UNKNOWN_ORDER', 'There is no such order.');
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
    await recordChange(tx, { actor, action: 'order.retried', subject: { type: 'order', id: orderId } });
  });
  return [...retried, { what: 'saga', id: orderId, status: 'due' }];
}

/** As `retryFailedWork`, with who asks for it in the audit log. */
export function retryWork(
  db: Database,
  { actor, ...of }: { work?: Work | undefined; subject?: string | undefined; actor: string },
): Promise<RetriedWork> {
  return db.retrying(async (tx) => {
    const found = await retryFailedWork(tx, of);
    const ids = found.items.map(({ work, subject }) => `${work}:${subject}`);
    await recordSame(tx, { actor, action: 'work.retried', type: 'work', ids });
    return found;
  });
}

/** Null: it was settled by hand, or succeeded, meanwhile. */
async function retryOne(
  db: Database,
  { what, id, ...by }: RetriableRow & { actor: string; askLimitMs: number },
): Promise<string | null> {
  if (what === 'refund' || what === 'capture') {
    const retrying =
      what === 'refund'
        ? retryRefund(db, { refundId: id, ...by })
        : retryCapture(db, { captureId: id, ...by });
    return retrying.then(
      ({ status }) => status,
      (error: unknown) => {
        if (isAppError(error, 'REFUND_SETTLED') || isAppError(error, 'CAPTURE_SETTLED')) return null;
        throw error;
      },
    );
  }
  const found = await retryWork(db, { work: what, subject: id, actor: by.actor });
  return found.items.length > 0 ? 'due' : null;
}
