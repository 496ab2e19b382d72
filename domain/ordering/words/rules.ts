import { ATTENTION } from '../../orders/types';
import type { NextStep } from '../rules';
import type { GatewayAsk, OrderProgress } from '../types';

/** The next step in words, with what needs a person. */
export function inWords(step: NextStep, progress: OrderProgress): string {
  const needs = progress.attention.map((kind) => `\n\n**Needs a person:** ${kind}. ${nextOf(kind)}`);
  return [stepInWords(step, progress), ...needs].join('');
}

/** A worker of an older build may not know the kind. */
function nextOf(kind: string): string {
  return (
    (ATTENTION as Partial<Record<string, { next: string }>>)[kind]?.next ?? 'See the alerts of this order.'
  );
}

/** The next step in words. Times are those of this process. */
export function stepInWords(step: NextStep, progress: OrderProgress): string {
  switch (step.do) {
    case 'finish':
      return `Ended: ${progress.status}${progress.failureCode ? ` (${progress.failureCode})` : ''}.`;
    case 'cancel':
    case 'conclude-cancel':
      return 'Being cancelled.';
    case 'stop-doubled':
      return 'Stopping a shipment that carries again what has left.';
    case 'cut':
      return 'Taking units out of it.';
    case 'amend':
      return 'Amending it.';
    case 'release-stopped':
      return 'Giving up what is not delivered.';
    case 'settle-authorizations':
      return 'Planning what is to be captured of the authorisation, or voided.';
    case 'act-on-lapse':
      return 'The gateway is about to drop the authorisation.';
    case 'stop':
      return 'Asking the carrier to stop shipments.';
    case 'ask':
      return `Asking the payment gateway about ${step.ask.kind} ${step.ask.id}.`;
    case 'begin-charge':
      return `Charging the part reserved as ${step.reservationId}.`;
    case 'decide-review':
      return 'The time to review it is over: it is decided as set.';
    case 'expire':
      return `Reservation ${step.reservationId} is due and is being freed.`;
    case 'give-up-backorders':
      return 'Its units have waited for stock until their time, and are given up.';
    case 'wait':
      return waitInWords(step, progress);
  }
}

function waitInWords(step: NextStep & { do: 'wait' }, progress: OrderProgress): string {
  const { waitingUnits, reservations, asks } = progress;
  const until = step.ms === null ? '' : ` Looks again at ${inMs(step.ms)}.`;
  const requests = openRequestsInWords(progress);
  const backordered = waitingUnits > 0 ? ` ${waitingUnits} units wait for stock.` : '';
  switch (step.for) {
    case 'carrier-stop':
      return `Waiting for the carrier to say whether shipments are stopped.${until}${requests}`;
    case 'gateway': {
      const authentication = authenticationInWords(progress);
      if (authentication !== null) return `${authentication}${until}${requests}`;
      return `Waiting for the payment gateway: ${asks.map(askInWords).join(', ')}.${until}${requests}`;
    }
    case 'review': {
      const deadline = inMs(progress.reviewMsLeft ?? 0);
      return `Waiting for its review until ${deadline}: nothing ships before somebody approves or rejects it.${backordered}${requests}`;
    }
    case 'payment': {
      const ends = reservations.filter(({ status }) => status === 'pending').map((one) => one.expiresAt);
      return `Waiting for payment until ${ends.sort()[0] ?? 'it is due'}, when the reservation expires.${backordered}${requests}`;
    }
    case 'shipment':
      return `Waiting for the carrier to pick up ${parcelsInWords(progress)}.${backordered}${requests}`;
    case 'retry':
      return `Waiting to try again a step that failed.${until}${requests}`;
    case 'stock':
      return `Waiting for stock: ${waitingUnits} units.${until}${requests}`;
  }
}

/** A worker of an older build may not tell of amendments. */
function openRequestsInWords({ cuts, amendments = [] }: Partial<OrderProgress>): string {
  const isCut = cuts?.some(({ isOpen }) => isOpen) ? ' Units are to be taken out of it.' : '';
  const isAmended = amendments.some(({ state }) => state === 'open') ? ' It is being amended.' : '';
  return isCut + isAmended;
}

/** Null: more than its customer is waited for, or a worker of an older build does not tell until when. */
function authenticationInWords({ payments, asks, actionMsLeft }: OrderProgress): string | null {
  const waiting = payments.filter(({ status }) => status === 'requires_action').map((one) => one.paymentId);
  const isAll = asks.every(({ kind, id }) => kind === 'charge' && waiting.includes(id));
  if (!isAll || typeof actionMsLeft !== 'number') return null;
  return `Waiting for the customer to authenticate until ${inMs(actionMsLeft)}.`;
}

function askInWords({ kind, id, tries }: GatewayAsk): string {
  return `${kind} ${id}, asked ${tries} times`;
}

function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

/** The saga is woken when a parcel leaves or fails, so only counts that change then are shown. */
function parcelsInWords({ shipments }: OrderProgress): string {
  const { picked_up: pickedUp = 0, delivered = 0, failed = 0, voided = 0 } = shipments;
  const all = Object.values(shipments).reduce((sum, count) => sum + count, 0) - failed - voided;
  return `${all - pickedUp - delivered} of ${all} shipments`;
}
