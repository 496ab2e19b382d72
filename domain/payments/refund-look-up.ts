import type { Transaction } from '../../platform/database/database';
import type { RefundOutcome } from './gateway';
import { claimRefundLook, updateRefundLookDone, type ClaimedRefundLook } from './look-up-queries';
import { recordMadeAfterSettlement } from './made-after-settlement';
import { asRequest, type RefundDeps } from './refund';
import { selectRefundForUpdate } from './refund-queries';
import { askOnce, LOOK_TIMES, LOOKS, type CallLimits } from './within-limit';

/**
 * Looks up once at the gateway whether a refund that a person has settled was made all the same: the response to an earlier try may have
 * been lost. Nothing is given back. Of one that is not due to be looked up nothing happens. After a few looks it is looked up no more.
 *
 * @param limits of a brief attempt that takes longer nothing is recorded; of any other, that it does
 */
export async function lookUpRefund(deps: RefundDeps, refundId: string, limits: CallLimits): Promise<void> {
  const { db } = deps;
  const claimed = await claimRefundLook(db, refundId, LOOK_TIMES);
  if (!claimed) return;
  const found = await askOnce(find(deps, claimed), limits);
  if (found) await db.retrying((tx) => record(tx, claimed, found));
}

type Found = RefundOutcome | { status: 'none' | 'unknown' };

async function find({ gatewayNamed, log }: RefundDeps, refund: ClaimedRefundLook): Promise<Found> {
  const { id: refundId, gateway, chargeRef } = refund;
  try {
    if (chargeRef === null) return { status: 'none' };
    return (await gatewayNamed(gateway).findRefund(asRequest(refund, chargeRef))) ?? { status: 'none' };
  } catch (error) {
    log?.warn({ err: error, refundId, gateway }, 'a refund that was settled by hand could not be looked up');
    return { status: 'unknown' };
  }
}

/** Locks the payment, the refund, then the order's row. */
async function record(tx: Transaction, { id, looks }: ClaimedRefundLook, found: Found): Promise<void> {
  const refund = await selectRefundForUpdate(tx, id);
  if (refund?.status !== 'settled_by_hand') return;
  if ('gatewayRef' in found) await recordMadeAfterSettlement(tx, refund, found);
  if (looks >= LOOKS) await updateRefundLookDone(tx, id);
}
