import type { Transaction } from '../../platform/database/database';
import { derivedId } from '../../platform/ids';
import { postDispute } from '../money/posting';
import { raiseAttention, resolveAttention, type Attention } from '../orders/attention';
import { appendEvents } from '../orders/events';
import { lockPayment, selectDispute, upsertDispute } from './dispute-queries';
import { updateRefundsDue } from './gateway-event-queries';
import { disputeMoves } from './rules';
import type { DisputeFact } from './gateway-event-types';
import { OPEN_DISPUTE_STATUSES, TAKING_DISPUTE_STATUSES, type DisputeStatus } from './types';

/**
 * Writes what a gateway says of a dispute, with an event in the order's history where its status changes. An older statement
 * that comes later changes nothing. While the dispute is open the order needs a person; once it is lost, until that person says
 * that it is dealt with. Refunds of the payment are asked for anew: the dispute decides what becomes of them. Locks the payment, its
 * refunds, then the order's row.
 *
 * @returns false: what is known is as new
 */
export async function recordDispute(
  tx: Transaction,
  { paymentId, orderId }: { paymentId: string; orderId: string },
  fact: DisputeFact & { occurredAt: Date },
): Promise<boolean> {
  await lockPayment(tx, paymentId);
  const known = await selectDispute(tx, paymentId, fact.gatewayRef);
  if (known && !disputeMoves(known, { status: fact.status, occurredMs: fact.occurredAt.getTime() }))
    return false;
  const id = known?.id ?? derivedId('dispute', paymentId, fact.gatewayRef);
  await upsertDispute(tx, { ...fact, id, paymentId, orderId });
  const takenMinor = hasTaken(fact.status) ? fact.amountMinor : 0;
  await postDispute(tx, { disputeId: id, takenMinor, effectiveAt: fact.occurredAt });
  const isNewStatus = known?.status !== fact.status;
  if (isNewStatus) await updateRefundsDue(tx, paymentId, null);
  await tellPeople(tx, { orderId, disputeId: id, fact });
  if (!isNewStatus) return true;
  const { gatewayRef, status, amountMinor, currency, reason } = fact;
  const data = { disputeId: id, paymentId, gatewayRef, amountMinor, currency, reason };
  await appendEvents(tx, [{ orderId, type: `dispute_${status}`, data }]);
  return true;
}

async function tellPeople(
  tx: Transaction,
  { orderId, disputeId: about, fact }: { orderId: string; disputeId: string; fact: DisputeFact },
): Promise<void> {
  const why = `${fact.amountMinor} ${fact.currency} minor units are disputed (${fact.reason}) as ${fact.gatewayRef}: ${fact.status}`;
  const due = fact.dueBy === null ? '' : `, due by ${fact.dueBy.toISOString()}`;
  const needed = neededFor(fact.status);
  await resolveAttention(
    tx,
    NEEDS.filter((kind) => kind !== needed).map((kind) => ({ kind, about })),
  );
  if (!needed) return;
  const { gatewayRef, amountMinor, currency, dueBy } = fact;
  const details = { gatewayRef, amountMinor, currency, dueBy: dueBy?.toISOString() ?? null };
  await raiseAttention(tx, [{ orderId, kind: needed, about, why: `${why}${due}`, details }]);
}

/** The money is with the bank, for now or for good. */
function hasTaken(status: DisputeStatus): boolean {
  return (TAKING_DISPUTE_STATUSES as readonly DisputeStatus[]).includes(status);
}

const NEEDS = ['disputed', 'dispute_lost'] as const satisfies readonly Attention['kind'][];

function neededFor(status: DisputeStatus): (typeof NEEDS)[number] | null {
  if (status === 'lost') return 'dispute_lost';
  return (OPEN_DISPUTE_STATUSES as readonly DisputeStatus[]).includes(status) ? 'disputed' : null;
}
