import type { Database } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { raiseAttention } from '../orders/attention';
import {
  claimCharge,
  executeCharge,
  markUnknown,
  markUnknownIn,
  type ClaimedCharge,
} from '../payments/charge';
import { askRefund } from '../payments/refund';
import { lookUpRefund } from '../payments/refund-look-up';
import { shownReason } from '../payments/told';
import type { ChargeOutcome, GatewayNamed } from '../payments/gateway';
import { LATE, withinLimit, type CallLimits } from '../payments/within-limit';
import { askCapture } from '../payments/captures';
import { askVoid, lookUpSettledVoid } from '../payments/void';
import { abandonReservation } from './cancel';
import { isLastParcel } from './capture';
import { lookUpAuthorization } from './look-up-authorization';
import { lookUpSettledCharge } from './look-up-settled-charge';
import { recordChargeOutcome, type ChargeTerms } from './pay';
import { existingProgress } from './progress';
import type { GatewayAsk, OrderProgress } from './types';

export interface AskDeps extends ChargeTerms {
  db: Database;
  gatewayNamed: GatewayNamed;
  /** Name of the carrier that takes new shipments. */
  carrier: string;
  /** For what is not shown of a call that failed. */
  log?: Pick<Logger, 'warn'>;
}

export interface AskRequest extends CallLimits {
  orderId: string;
  ask: Pick<GatewayAsk, 'kind' | 'id'>;
  /** Seconds until a charge without an outcome is asked about again, at first. */
  firstRetrySeconds: number;
  /** How long, since the gateway was first asked, a charge without an outcome keeps its stock reserved. */
  unknownLimitSeconds: number;
}

/** A charge without an outcome is asked about after 0.5 s, 1 s, … up to once an hour. */
const LONGEST_RETRY_SECONDS = 3_600;
/** Whether a customer has authenticated is looked at after 2 s, 4 s, … up to once a minute; most gateways tell it. */
const ACTION_TIMES = { firstSeconds: 1, longestSeconds: 60 };

/**
 * Asks the gateway once about a charge, a capture, a void or a refund and writes what it says, with all that follows from it. What has no outcome
 * is due again later; the row says when and why. One attempt at a time: it holds up nothing else of the order.
 */
export async function askGateway(deps: AskDeps, request: AskRequest): Promise<OrderProgress> {
  const { db } = deps;
  const { orderId, ask } = request;
  switch (ask.kind) {
    case 'charge':
      await askCharge(deps, request);
      break;
    case 'capture':
      await askCapture({ ...deps, isLastParcel }, ask.id, request);
      break;
    case 'void':
      await askVoid(deps, ask.id, request);
      await lookUpSettledVoid(deps, ask.id, request);
      break;
    case 'refund':
      if (!(await askRefund(deps, ask.id, request))) await lookUpRefund(deps, ask.id, request);
      break;
  }
  return existingProgress(db, orderId);
}

async function askCharge(deps: AskDeps, request: AskRequest): Promise<void> {
  const { db, carrier, actionSeconds, lapseMarginSeconds } = deps;
  const paymentId = request.ask.id;
  const claimed = await claimCharge(db, paymentId, {
    unknown: { firstSeconds: request.firstRetrySeconds, longestSeconds: LONGEST_RETRY_SECONDS },
    action: ACTION_TIMES,
  });
  if (!claimed) {
    await lookUpAuthorization(deps, paymentId, request);
    await lookUpSettledCharge(deps, paymentId, request);
    return;
  }
  const { outcome, why } = await callGateway(deps, request);
  if (outcome.status !== 'unknown')
    await recordChargeOutcome(db, { paymentId, outcome, carrier, actionSeconds, lapseMarginSeconds });
  else if (request.briefMs === null) await recordUnknown(db, request, { ...claimed, why });
}

async function callGateway(
  { db, gatewayNamed, log }: AskDeps,
  { ask, ...limits }: AskRequest,
): Promise<{ outcome: ChargeOutcome; why: string }> {
  try {
    const outcome = await withinLimit(executeCharge({ db, gatewayNamed, paymentId: ask.id }), limits);
    return outcome === 'late'
      ? { outcome: { status: 'unknown' }, why: LATE }
      : { outcome, why: 'the gateway has no final outcome yet' };
  } catch (error) {
    log?.warn({ err: error, paymentId: ask.id }, 'a charge has no outcome');
    return { outcome: { status: 'unknown' }, why: shownReason(error) };
  }
}

/** After `unknownLimitSeconds` the stock is given up, unless another payment took its place, and a person is told. */
async function recordUnknown(
  db: Database,
  { orderId, ask, unknownLimitSeconds }: AskRequest,
  { askedSeconds, why }: ClaimedCharge & { why: string },
): Promise<void> {
  await markUnknown(db, ask.id, why);
  if (askedSeconds <= unknownLimitSeconds) return;
  await abandonReservation(db, { orderId, paymentId: ask.id });
  // Another call may have found the outcome meanwhile: then nobody has to look, and nothing would end the alert.
  await db.retrying(async (tx) => {
    if (await markUnknownIn(tx, ask.id, why))
      await raiseAttention(tx, [{ orderId, kind: 'charge_unresolved', about: ask.id, why }]);
  });
}
