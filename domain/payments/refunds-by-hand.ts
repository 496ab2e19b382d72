import type { Database, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { AppError } from '../../platform/errors';
import { endAttentionAbout, resolveAttention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import type { NewEvent } from '../orders/types';
import { wasAskedRecently } from './asked-recently';
import { refundNotFound, unknownPaymentOfOrder } from './errors';
import { updateRefundLookFirst } from './look-up-queries';
import { readPayment } from './payments';
import { selectToldRefund } from './gateway-event-queries';
import { attentionOn, isOutOfReach, lockRefundable, planRefunds } from './refund';
import {
  countOpenByOperator,
  selectRefundForUpdate,
  selectRefundOfOrigin,
  selectRefundView,
  selectUncovered,
  updateRefund,
  updateRefundDueByHand,
} from './refund-queries';
import type { RefundablePayment, RefundSettlement } from './types';
import type { RefundView } from './view-types';
import { LOOK_TIMES } from './within-limit';

/** At most so many refunds of one order that people asked for are open: each is a call to the gateway, and work for the saga. */
const MAX_OPEN = 20;

export interface RefundWanted {
  orderId: string;
  /** Of the request: the same again is the same refund. */
  requestId: string;
  /** Absent: the only payment of the order of which money is left. */
  paymentId: string | null;
  amountMinor: number;
  reason: string;
  actor: string;
  /** Where money is found that went back already in another way: it is recorded, not made. Absent: the gateway makes it. */
  madeElsewhere?: string | null;
}

/**
 * Plans a refund that a person asks for, of any captured amount that is not planned to go back already; the order's saga makes
 * it. The same request again returns the same refund. What went back already in another way is recorded as settled by hand: the gateway
 * is not asked, and no more is planned than is left besides.
 *
 * @throws `VALIDATION_FAILED`: the order has no such payment; `REFUND_UNDER_WAY` with `openRefunds`: so many that people asked for are
 * not finished; `NOT_REFUNDABLE`: nothing was captured, or all is planned to go back; `REFUND_EXCEEDS_CAPTURE` with `leftMinor`;
 * `PAYMENT_AMBIGUOUS` with `paymentIds`: several payments have money left and none is named; `REFUND_MADE` with `refundId`: what went
 * back already is a refund of the payment that is known
 */
export async function requestRefund(db: Database, wanted: RefundWanted): Promise<RefundView> {
  const { orderId, requestId, reason, actor, madeElsewhere = null } = wanted;
  return db.retrying(async (tx) => {
    const payments = await lockRefundable(tx, orderId);
    const earlier = await selectRefundOfOrigin(tx, 'operator', requestId);
    if (earlier) return earlier;
    if (wanted.paymentId !== null && (await readPayment(tx, wanted.paymentId))?.orderId !== orderId)
      throw unknownPaymentOfOrder();
    const { paymentId, amountMinor } = paymentOf(wanted, payments);
    if (madeElsewhere === null) await refuseTooMany(tx, orderId);
    else await refuseKnown(tx, { orderId, paymentId, reference: madeElsewhere });
    const plan = { paymentId, amountMinor, reason, actor };
    const origin = { kind: 'operator' as const, id: requestId };
    const events = await planRefunds(tx, orderId, { payments, plans: [{ ...plan, origin }] });
    const made = await selectRefundOfOrigin(tx, 'operator', requestId);
    if (!made) throw new Error('a refund was not written');
    if (madeElsewhere !== null) {
      const how = { outcome: 'made_elsewhere', reference: madeElsewhere, reason, actor } as const;
      events.push(...(await writeSettlement(tx, orderId, { refundId: made.id, ...how })));
    }
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
    await appendEvents(tx, events);
    return viewOf(tx, made.id);
  });
}

/** Under the locks of the payments, so that no two count the same. */
async function refuseTooMany(tx: Transaction, orderId: string): Promise<void> {
  const openRefunds = await countOpenByOperator(tx, orderId);
  if (openRefunds < MAX_OPEN) return;
  throw new AppError(
    'REFUND_UNDER_WAY',
    `${openRefunds} refunds of this order that people asked for are not finished. Wait for their outcome.`,
    { openRefunds },
  );
}

async function refuseKnown(
  tx: Transaction,
  { orderId, paymentId, reference }: { orderId: string; paymentId: string; reference: string },
): Promise<void> {
  const known = await selectToldRefund(tx, { orderId, paymentId }, { refundId: null, gatewayRef: reference });
  if (known !== undefined)
    throw new AppError('REFUND_MADE', `${reference} is a refund that is known.`, { refundId: known });
}

function paymentOf(
  { paymentId, amountMinor }: RefundWanted,
  payments: readonly RefundablePayment[],
): { paymentId: string; amountMinor: number } {
  const left = payments
    .map((payment) => ({
      paymentId: payment.paymentId,
      leftMinor: payment.capturedMinor - payment.refundPlannedMinor,
    }))
    .filter((payment) => payment.leftMinor > 0 && (paymentId === null || payment.paymentId === paymentId));
  const [payment] = left;
  if (!payment) throw new AppError('NOT_REFUNDABLE', 'No money is left that could go back.');
  if (left.length > 1) {
    throw new AppError('PAYMENT_AMBIGUOUS', 'Several payments have money left: say which with paymentId.', {
      paymentIds: left.map((each) => each.paymentId),
    });
  }
  const { leftMinor } = payment;
  if (amountMinor > leftMinor)
    throw new AppError('REFUND_EXCEEDS_CAPTURE', `At most ${leftMinor} may go back.`, { leftMinor });
  return { paymentId: payment.paymentId, amountMinor };
}

export interface SettlementByHand {
  refundId: string;
  outcome: RefundSettlement;
  /** Where the other payment is found. */
  reference: string | null;
  reason: string;
  actor: string;
}

/**
 * Records what a person did instead of a refund that the gateway does not make: it is asked no more. The same again changes
 * nothing. Its amount stays planned, so that nothing is given back twice.
 *
 * @throws `REFUND_NOT_FOUND`; `REFUND_MADE`: the money went back; `REFUND_UNDER_WAY`: the gateway has it and may still pay out,
 * unless it is not set up any more;
 * `REFUND_SETTLED`: it was settled in another way, or with another reference
 */
export async function settleByHand(db: Database, request: SettlementByHand): Promise<RefundView> {
  const { refundId, outcome, reference } = request;
  return db.retrying(async (tx) => {
    const refund = await lockRefund(tx, refundId);
    if (refund.status === 'pending' && !(await isOutOfReach(tx, refund.orderId, refundId))) {
      throw new AppError(
        'REFUND_UNDER_WAY',
        'The gateway has this refund and may still pay it out. Wait for its outcome.',
      );
    }
    if (refund.status === 'settled_by_hand') {
      const settled = await viewOf(tx, refundId);
      if (settled.settledAs !== outcome || (settled.settledReference ?? null) !== reference)
        throw refundSettled();
    } else {
      const { orderId } = refund;
      const events = await writeSettlement(tx, orderId, request);
      await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
      await appendEvents(tx, events);
    }
    return viewOf(tx, refundId);
  });
}

/**
 * Under the lock of the refund's payment. Ends what the order needs a person for about it, also where the gateway told of it as
 * unknown. Returns its events, which are the caller's to append.
 */
async function writeSettlement(
  tx: Transaction,
  orderId: string,
  { refundId, outcome, reference, reason, actor }: SettlementByHand,
): Promise<NewEvent[]> {
  await updateRefund(tx, refundId, {
    status: 'settled_by_hand',
    settledAs: outcome,
    settledReference: reference,
    settledBy: actor,
  });
  await resolveAttention(tx, attentionOn(refundId));
  await updateRefundLookFirst(tx, refundId, LOOK_TIMES.firstSeconds);
  // The refund that was made at the gateway instead is known now.
  const ended =
    reference === null
      ? []
      : await endAttentionAbout(
          tx,
          { orderId, kind: 'refund_unknown', about: reference },
          { by: actor, note: reason },
        );
  return [
    { orderId, type: 'refund_settled', actor, data: { refundId, outcome, reference, reason, actor } },
    ...ended,
  ];
}

/**
 * Lets a refund be tried again now: one that the gateway refused for good under a new key, one that waits for its next try at
 * once. One that is due already, or that the gateway was asked about just now, is left as it is.
 *
 * @throws `REFUND_NOT_FOUND`; `REFUND_MADE`; `REFUND_SETTLED`: a person has said what was done instead
 */
export async function retryRefund(
  db: Database,
  { refundId, actor, askLimitMs }: { refundId: string; actor: string; askLimitMs: number },
): Promise<RefundView> {
  return db.retrying(async (tx) => {
    const refund = await lockRefund(tx, refundId);
    const { status, keyNumber, orderId } = refund;
    if (status === 'settled_by_hand') throw refundSettled();
    if (wasAskedRecently(refund, askLimitMs)) return viewOf(tx, refundId);
    if (status === 'failed') {
      await updateRefund(tx, refundId, { status: 'planned', keyNumber: keyNumber + 1 });
      await resolveAttention(tx, attentionOn(refundId));
    } else if (!(await updateRefundDueByHand(tx, refundId))) {
      return viewOf(tx, refundId);
    }
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
    await appendEvents(tx, [{ orderId, type: 'refund_retried', actor, data: { refundId, actor } }]);
    return viewOf(tx, refundId);
  });
}

/**
 * Ends the refunds of a payment that have nothing to give back, since a capture of it was settled by hand. The caller has locked the
 * payment. Returns their events, which are the caller's to append.
 */
export async function settleUncoveredRefunds(
  tx: Transaction,
  {
    orderId,
    paymentId,
    reason,
    actor,
  }: { orderId: string; paymentId: string; reason: string; actor: string },
): Promise<NewEvent[]> {
  const uncovered = await selectUncovered(tx, paymentId);
  const events: NewEvent[] = [];
  for (const refundId of uncovered) {
    const how = { outcome: 'waived' as const, reference: null, reason, actor };
    events.push(...(await writeSettlement(tx, orderId, { refundId, ...how })));
  }
  return events;
}

function refundSettled(): AppError {
  return new AppError('REFUND_SETTLED', 'Somebody has recorded what was done instead of this refund.');
}

async function lockRefund(tx: Transaction, refundId: string) {
  const refund = await selectRefundForUpdate(tx, refundId);
  if (!refund) throw refundNotFound(refundId);
  if (refund.status === 'succeeded') throw new AppError('REFUND_MADE', 'The money went back.');
  return refund;
}

async function viewOf(tx: Transaction, refundId: string): Promise<RefundView> {
  const view = await selectRefundView(tx, refundId);
  if (!view) throw refundNotFound(refundId);
  return view;
}
