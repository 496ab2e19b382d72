import type { Database, Transaction } from '../../platform/database/database';
import { AppError, isAppError } from '../../platform/errors';
import { appendEvents } from '../orders/events';
import { gatewayUnavailable, paymentNotFound } from './errors';
import { selectCharge, storeGatewayRef, updateToUnknown, type ChargeRow } from './charge-queries';
import { ABANDONED, isInFlight } from './rules';
import type { ChargeOutcome, ChargeRequest, GatewayNamed, PaymentGateway } from './gateway';

export {
  claimChargeLook,
  claimLook,
  updateChargeLookFirst as lookUpLater,
  updateHeld as keepAuthorization,
  updateLookDone as endLook,
  updateLookError as recordLookError,
  updateLost as loseAuthorization,
  type ClaimedLook,
} from './look-up-queries';
export {
  claimCharge,
  updateChargesDue as makeChargesDue,
  updateNotServing as giveUpPayment,
  type ClaimedCharge,
} from './charge-queries';

/** Stands for the gateway's id where nothing had to be charged. */
export const NO_CHARGE_REF = 'none';

export interface ChargeCall {
  db: Database;
  gatewayNamed: GatewayNamed;
  paymentId: string;
}

/**
 * Makes the charge of a payment at the gateway, or finds out what became of it. Stores nothing but the gateway's id of it:
 * payment, reservation and order are changed by the caller, in one transaction.
 *
 * Of a payment that is settled it returns the stored outcome. A charge that was not made before its reservation was given up
 * is declined as `abandoned`, never made; so is one whose customer has not authenticated in time. `unknown`: the gateway may still capture; call again later.
 *
 * @throws `PAYMENT_GATEWAY_UNAVAILABLE`: call again, the charge is looked up first and is never made twice;
 * `PAYMENT_GATEWAY_CHANGED`: it belongs to a gateway that is not set up any more; `PAYMENT_NOT_FOUND`;
 * `PAYMENT_KEY_REUSED`: the gateway knows this payment with another amount or card.
 */
export async function executeCharge({ db, gatewayNamed, paymentId }: ChargeCall): Promise<ChargeOutcome> {
  const payment = await selectCharge(db, paymentId);
  if (!payment) throw paymentNotFound(paymentId);
  const stored = storedOutcome(payment);
  if (stored) return stored;
  if (payment.amountMinor === 0) return free(payment);
  const gateway = gatewayNamed(payment.gateway);

  // Always, even for what looks like the first try: a process that died may have sent it. At the sandbox it is one read
  // by key, at Stripe it costs nothing until there is an intent, so no marker "sent" is worth its own commit.
  const request = asRequest(payment);
  const earlier = await ask(() => gateway.find(request));
  if (earlier && earlier.status !== 'requires_action') return earlier;
  // The reservation was given up while the charge was unknown: a charge without reserved stock must not be made.
  if (!payment.wanted || payment.isActionDue) return ask(() => gateway.abandon(request));
  if (earlier) return earlier;

  const prepared = await prepare(db, gateway, request);
  if (prepared.status !== 'ready') return prepared;
  return chargeOrFind(gateway, prepared.request);
}

/**
 * What the gateway says of the charge of a payment, whatever is known of it here; null: it does not know it. Nothing is charged or stored.
 *
 * @throws as `executeCharge`
 */
export async function findCharge({ db, gatewayNamed, paymentId }: ChargeCall): Promise<ChargeOutcome | null> {
  const payment = await selectCharge(db, paymentId);
  if (!payment) throw paymentNotFound(paymentId);
  const gateway = gatewayNamed(payment.gateway);
  return ask(() => gateway.find(asRequest(payment)));
}

/**
 * Records that a charge in flight has no final outcome yet, and why; the first time with an event. Any other payment is left as
 * it is.
 */
export async function markUnknown(db: Database, paymentId: string, why: string): Promise<void> {
  await db.retrying((tx) => markUnknownIn(tx, paymentId, why));
}

/** The same in the caller's transaction. Locks the payment, then the order's row. Returns whether the charge is in flight. */
export async function markUnknownIn(tx: Transaction, paymentId: string, why: string): Promise<boolean> {
  const marked = await updateToUnknown(tx, paymentId, why);
  if (marked?.isNew)
    await appendEvents(tx, [{ orderId: marked.orderId, type: 'payment_unknown', data: { paymentId } }]);
  return marked !== undefined;
}

function storedOutcome(payment: ChargeRow): ChargeOutcome | null {
  if (isInFlight(payment)) return null;
  const { gatewayRef, declineCode, multicapture, captureBefore } = payment;
  const ref = gatewayRef ?? NO_CHARGE_REF;
  switch (payment.status) {
    case 'declined':
    case 'voided':
    case 'failed':
      return { status: 'declined', gatewayRef, declineCode: declineCode ?? payment.status };
    case 'authorized':
    case 'void_planned':
      return { status: 'authorized', gatewayRef: ref, multicapture, captureBefore };
    default:
      return { status: 'captured', gatewayRef: ref };
  }
}

function free(payment: ChargeRow): ChargeOutcome {
  return payment.wanted
    ? { status: 'captured', gatewayRef: NO_CHARGE_REF }
    : { status: 'declined', gatewayRef: null, declineCode: ABANDONED };
}

function asRequest(payment: ChargeRow): ChargeRequest {
  const { id: paymentId, orderId, amountMinor, currency, method, token, gatewayRef } = payment;
  const { captureLater, offSession, keepsMethod, customerRef, returnUrl } = payment;
  const charge = { paymentId, orderId, amountMinor, currency, method, token, gatewayRef };
  return { ...charge, captureLater, offSession, keepsMethod, customerRef, returnUrl };
}

type Ready = { status: 'ready'; request: ChargeRequest } | ChargeOutcome;

async function prepare(db: Database, gateway: PaymentGateway, request: ChargeRequest): Promise<Ready> {
  if (request.gatewayRef) return { status: 'ready', request };
  const prepared = await ask(() => gateway.prepare(request));
  if (prepared.status === 'declined') return prepared;
  const { gatewayRef, customerRef = null } = prepared;
  if (gatewayRef === null && customerRef === null) return { status: 'ready', request };
  const stored = await storeGatewayRef(db, request.paymentId, { gatewayRef, customerRef });
  if (stored) {
    const customer = request.customerRef ?? stored.customerRef;
    return { status: 'ready', request: { ...request, gatewayRef: stored.gatewayRef, customerRef: customer } };
  }
  // Another call has settled it meanwhile, or the reservation was given up.
  const payment = await selectCharge(db, request.paymentId);
  return (payment && storedOutcome(payment)) ?? { status: 'unknown' };
}

async function chargeOrFind(gateway: PaymentGateway, request: ChargeRequest): Promise<ChargeOutcome> {
  try {
    return await gateway.charge(request);
  } catch (error) {
    if (isAppError(error, 'PAYMENT_KEY_REUSED')) throw error;
    const found = await ask(() => gateway.find(request));
    if (found) return found;
    // The gateway never got it: the same request, under the same key, may be sent again.
    throw asUnavailable(error);
  }
}

async function ask<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asUnavailable(error);
  }
}

function asUnavailable(error: unknown): unknown {
  if (error instanceof AppError) return error;
  return gatewayUnavailable(null, error);
}
