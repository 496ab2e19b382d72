import type { Database, Queryable } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { enqueue } from '../../../platform/database/outbox';
import { appendEvents } from '../../orders/events';
import { lockReturn, selectOverdueReturns, selectProgress, selectReturnLines, updateReturn } from './queries';
import { afterReturnEvent, isSettled, returnHasEnded } from './rules';
import type { OverdueReturn, ReturnProgress, ReturnView } from './types';
import { returnIn } from './views';

/**
 * Calls off a return of which nothing has come in. Again, it changes nothing.
 *
 * @throws NOT_FOUND; RETURN_NOT_CANCELLABLE once goods came in or the return has ended
 */
export function cancelReturn(
  db: Database,
  { returnId, actor }: { returnId: string; actor: string },
): Promise<ReturnView> {
  return db.retrying(async (tx) => {
    const goods = await lockReturn(tx, returnId);
    if (!goods) throw new AppError('NOT_FOUND', 'There is no such return.');
    if (goods.status === 'cancelled') return returnIn(tx, returnId);
    const status = afterReturnEvent(goods.status, 'cancel');
    if (status === null) throw new AppError('RETURN_NOT_CANCELLABLE', `The return is ${goods.status}.`);
    await updateReturn(tx, returnId, { status });
    await enqueue(tx, [{ topic: 'return.wake', key: returnId }]);
    await appendEvents(tx, [
      { orderId: goods.orderId, type: 'return_cancelled', actor, data: { returnId, actor } },
    ]);
    return returnIn(tx, returnId);
  });
}

/**
 * Ends the wait for goods of a return whose authorisation has run out, by PostgreSQL's clock. One that is not due is left
 * alone; the progress that is returned says for how long. What is here already is still to be inspected.
 *
 * @throws NOT_FOUND
 */
export async function expireReturn(db: Database, returnId: string): Promise<ReturnProgress> {
  await db.retrying(async (tx) => {
    const goods = await lockReturn(tx, returnId);
    if (!goods?.isDue || goods.closedToArrivals) return;
    const next = afterReturnEvent(goods.status, 'expire');
    if (next === null) return;
    const settled = next === 'received' && isSettled(await selectReturnLines(tx, returnId), true);
    const status = settled ? (afterReturnEvent(next, 'complete') ?? next) : next;
    await updateReturn(tx, returnId, { status, closedToArrivals: true });
    const type = returnHasEnded(status) ? `return_${status}` : 'return_closed_to_arrivals';
    await appendEvents(tx, [{ orderId: goods.orderId, type, data: { returnId } }]);
  });
  return readReturnProgress(db, returnId);
}

/**
 * How far a return has come.
 *
 * @throws NOT_FOUND
 */
export async function readReturnProgress(on: Queryable, returnId: string): Promise<ReturnProgress> {
  const progress = await selectProgress(on, returnId);
  if (!progress) throw new AppError('NOT_FOUND', 'There is no such return.');
  return progress;
}

/** A workflow that runs ends a wait within seconds. */
const OVERDUE_SECONDS = 60;

/** Open returns that should have ended their wait a minute ago, soonest due first, `limit` at most, those after `after`. */
export function findOverdueReturns(
  db: Database,
  page: { after: OverdueReturn | undefined; limit: number },
): Promise<OverdueReturn[]> {
  return selectOverdueReturns(db, { seconds: OVERDUE_SECONDS, ...page });
}
