import type { Transaction } from '../../platform/database/database';
import { raiseAttention } from '../orders/attention';
import { claimChargeLook, endLook, findCharge } from '../payments/charge';
import type { ChargeOutcome } from '../payments/gateway';
import { lockOrderPayments } from '../payments/payments';
import { NOT_CAPTURED } from '../payments/rules';
import { askOnce, LOOK_TIMES, LOOKS, type CallLimits } from '../payments/within-limit';
import { lockOrderReservations } from '../stock/reservations/reservations';
import type { LookUpDeps } from './look-up-authorization';
import { settleUnwanted } from './pay';

/**
 * Looks up once at the gateway whether a charge that a person has settled as not made was made all the same. Then what it captured goes
 * back, what it authorised is voided, and a person is told. Of one that is not due to be looked up nothing happens. After a few looks it
 * is looked up no more.
 *
 * @param limits of a brief attempt that takes longer nothing is recorded; of any other, that it does
 */
export async function lookUpSettledCharge(
  deps: LookUpDeps,
  paymentId: string,
  limits: CallLimits,
): Promise<void> {
  const { db } = deps;
  const claimed = await claimChargeLook(db, paymentId, LOOK_TIMES);
  if (!claimed) return;
  const found = await askOnce(find(deps, paymentId), limits);
  if (found) await db.retrying((tx) => record(tx, claimed, found));
}

async function find({ db, gatewayNamed, log }: LookUpDeps, paymentId: string): Promise<ChargeOutcome> {
  try {
    return (await findCharge({ db, gatewayNamed, paymentId })) ?? { status: 'unknown' };
  } catch (error) {
    log?.warn({ err: error, paymentId }, 'a charge that was settled by hand could not be looked up');
    return { status: 'unknown' };
  }
}

/** Locks the order's reservations, its payments, then its row. */
async function record(
  tx: Transaction,
  { paymentId, orderId, looks }: { paymentId: string; orderId: string; looks: number },
  found: ChargeOutcome,
): Promise<void> {
  await lockOrderReservations(tx, orderId);
  const payment = (await lockOrderPayments(tx, orderId)).find(({ id }) => id === paymentId);
  if (payment?.status !== 'declined' || payment.declineCode !== NOT_CAPTURED) return;
  const isMade = found.status === 'captured' || found.status === 'authorized';
  if (isMade || looks >= LOOKS) await endLook(tx, paymentId);
  if (!isMade) return;
  await settleUnwanted(tx, payment, found);
  const what = found.status === 'captured' ? 'Its money goes back.' : 'It is voided.';
  const why = `The gateway has ${found.status} the charge of payment ${paymentId} as ${found.gatewayRef}, after somebody had recorded that it was not made. ${what}`;
  await raiseAttention(tx, [{ orderId, kind: 'captured_twice', about: paymentId, why }]);
}
