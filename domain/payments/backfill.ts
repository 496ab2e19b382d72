import type { Database, Transaction } from '../../platform/database/database';
import { postCapture, postDispute, postRefund, postRefundFailed } from '../money/posting';
import {
  reopenBackfill,
  selectBackfillForUpdate,
  selectBackfillPart,
  selectUnposted,
  updateBackfill,
  updateBackfillPass,
} from './backfill-queries';
import { lockPayment } from './dispute-queries';

const PART = 200;
/** Workers of the version before, which do not post, have ended by then. */
const PAUSE_SECONDS = 3_600;

/**
 * Posts what was captured, given back and disputed before there was the money ledger, or by workers of the version before, and takes back
 * what they took back: part by part, each in a transaction of its own, beside who pays. The first pass over all payments, and one that
 * posted something, is followed by another one an hour later; a later one that found nothing is the last. Safe to repeat, and by several
 * at once.
 *
 * @returns how many payments it has posted something of
 */
export async function backfillMoney(db: Database, signal?: AbortSignal): Promise<number> {
  let payments = 0;
  while (!signal?.aborted) {
    const done = await db.retrying(async (tx) => {
      const place = await selectBackfillForUpdate(tx);
      if (!place) return null;
      const { last, paymentIds } = await selectBackfillPart(tx, place.after, PART);
      if (last === null) {
        await updateBackfillPass(tx, PAUSE_SECONDS);
        return null;
      }
      let posted = 0;
      // In the order of their ids, in which they are locked everywhere.
      for (const paymentId of [...paymentIds].sort()) posted += await postUnposted(tx, paymentId);
      await updateBackfill(tx, last, posted);
      return paymentIds.length;
    });
    if (done === null) break;
    payments += done;
  }
  return payments;
}

/**
 * Has the backfill begin anew after it was over, where it would post something of these payments that became true since: workers of the version
 * before have run again, as after a rollback.
 */
export async function postAgainIfMissing(db: Database, paymentIds: readonly string[]): Promise<void> {
  if (paymentIds.length > 0) await db.retrying((tx) => reopenBackfill(tx, paymentIds));
}

/** Posts money of a payment that is not in the money ledger as it is true. Locks the payment. Returns of how many captures, refunds and disputes. */
export async function postUnposted(tx: Transaction, paymentId: string): Promise<number> {
  await lockPayment(tx, paymentId);
  const sources = await selectUnposted(tx, paymentId);
  for (const { kind, sourceId, amountMinor, isUnwanted, at } of sources) {
    if (kind === 'capture')
      await postCapture(tx, { sourceId, paymentId, amountMinor, isUnwanted, effectiveAt: at });
    if (kind === 'refund')
      await (amountMinor === 0 ? postRefundFailed(tx, sourceId) : postRefund(tx, sourceId, at));
    if (kind === 'dispute')
      await postDispute(tx, { disputeId: sourceId, takenMinor: amountMinor, effectiveAt: at });
  }
  return sources.length;
}
