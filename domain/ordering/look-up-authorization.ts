import type { Database, Transaction } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { raiseAttention } from '../orders/attention';
import { recordCancelRequest } from '../orders/cancel-request';
import { appendEvents } from '../orders/events';
import { lockAuthorized } from '../payments/captures';
import {
  claimLook,
  endLook,
  findCharge,
  keepAuthorization,
  loseAuthorization,
  recordLookError,
  type ClaimedLook,
} from '../payments/charge';
import type { ChargeOutcome, GatewayNamed } from '../payments/gateway';
import { authorizationNews } from '../payments/rules';
import { shownReason } from '../payments/told';
import { ASK_TIMES, askOnce, type CallLimits } from '../payments/within-limit';
import { lockOrderReservations } from '../stock/reservations/reservations';

export interface LookUpDeps {
  db: Database;
  gatewayNamed: GatewayNamed;
  /** For what is not shown of a call that failed. */
  log?: Pick<Logger, 'warn'>;
}

/**
 * Looks up once at the gateway whether an authorisation that is due to be looked up is still kept, and records what it says. Nothing
 * is charged or captured. Where the gateway says that nothing more of it can be captured, what has not left of the order is cancelled
 * and a person is told. An authorisation that is not due, or a payment that is not authorised any more, is left alone. Safe to repeat.
 *
 * @param limits of a brief attempt that takes longer nothing is recorded; of any other, that it does
 */
export async function lookUpAuthorization(
  deps: LookUpDeps,
  paymentId: string,
  limits: CallLimits,
): Promise<void> {
  const { db } = deps;
  const claimed = await claimLook(db, paymentId, ASK_TIMES);
  if (!claimed) return;
  const found = await askOnce(find(deps, paymentId), limits);
  if (found) await db.retrying((tx) => record(tx, claimed, found));
}

/** What the gateway says; `reason`: why it said nothing. */
type Found = ChargeOutcome | { status: 'unknown'; reason?: string };

async function find({ db, gatewayNamed, log }: LookUpDeps, paymentId: string): Promise<Found> {
  try {
    const found = await findCharge({ db, gatewayNamed, paymentId });
    return found ?? { status: 'unknown', reason: 'The gateway does not know this charge.' };
  } catch (error) {
    log?.warn({ err: error, paymentId }, 'an authorisation could not be looked up');
    return { status: 'unknown', reason: shownReason(error) };
  }
}

/** Locks the order's reservations, its authorised payments, then its row. */
async function record(tx: Transaction, { paymentId, orderId }: ClaimedLook, found: Found): Promise<void> {
  const reservations = await lockOrderReservations(tx, orderId);
  const payment = (await lockAuthorized(tx, orderId)).find((one) => one.paymentId === paymentId);
  if (!payment) return;
  const isOpen = reservations.some(
    ({ id, status }) => id === payment.reservationId && status === 'confirmed',
  );
  switch (authorizationNews({ ...payment, isOpen }, found)) {
    case 'held':
      await keepAuthorization(tx, paymentId);
      return;
    case 'over':
      await endLook(tx, paymentId);
      return;
    case 'undecided':
      await recordLookError(tx, paymentId, reasonOf(found));
      return;
    case 'lost':
      await lose(tx, { orderId, paymentId, isOpen, why: whyLost(found) });
      return;
  }
}

async function lose(
  tx: Transaction,
  { orderId, paymentId, isOpen, why }: { orderId: string; paymentId: string; isOpen: boolean; why: string },
): Promise<void> {
  await loseAuthorization(tx, paymentId);
  await raiseAttention(tx, [{ orderId, kind: 'authorization_lost', about: paymentId, why }]);
  await appendEvents(tx, [{ orderId, type: 'authorization_lost', data: { paymentId, reason: why } }]);
  if (isOpen) await recordCancelRequest(tx, { orderId, reason: 'its authorisation is lost' });
}

function whyLost(found: Found): string {
  return found.status === 'declined'
    ? `The gateway says that the charge is over (${found.declineCode}): nothing of it can be captured.`
    : 'The gateway says that nothing more of the charge can be captured.';
}

function reasonOf(found: Found): string {
  return ('reason' in found ? found.reason : undefined) ?? 'The gateway has no final outcome yet.';
}
