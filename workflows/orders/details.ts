import type { NextStep } from '../../domain/ordering/rules';
import type { OrderProgress } from '../../domain/ordering/types';

/** The latest steps kept in an order's details: an order that is retried for days must not grow without bound. */
const MAX_LINES = 20;

/**
 * What an operator reads in the Temporal UI when opening an order: what it waits for and until when, and what it did.
 * Kept in the workflow's memory and read by the UI's query, so it costs no event.
 */
export class OrderDetails {
  private readonly lines: string[] = [];

  constructor(private readonly write: (markdown: string) => void) {}

  /** Adds a line to what was done. */
  did(what: string): void {
    this.lines.push(`- ${new Date().toISOString()} ${what}`);
    if (this.lines.length > MAX_LINES) this.lines.shift();
  }

  /** Says what happens now. */
  now(words: string): void {
    this.write([`**Now:** ${words}`, '', '**So far:**', '', ...this.lines].join('\n'));
  }
}

/** The next step in words. */
export function inWords(step: NextStep, progress: OrderProgress): string {
  switch (step.do) {
    case 'finish':
      return `Ended: ${progress.status}${progress.failureCode ? ` (${progress.failureCode})` : ''}.`;
    case 'cancel':
      return 'Being cancelled.';
    case 'compensate':
      return 'Giving back what did not ship.';
    case 'charge':
      return chargeInWords(step, progress);
    case 'begin-charge':
      return `Charging the part reserved as ${step.reservationId}.`;
    case 'expire':
      return `Reservation ${step.reservationId} is due and is being freed.`;
    case 'wait':
      return waitInWords(step, progress);
  }
}

function chargeInWords(step: NextStep & { do: 'charge' }, { charge, reservations }: OrderProgress): string {
  if (!step.unresolved) return `Charging payment ${step.paymentId}.`;
  const isReserved = reservations.some((one) => one.reservationId === charge?.reservationId);
  const stock = isReserved ? 'the stock stays reserved' : 'its stock was given up';
  return `Asking the payment gateway what became of payment ${step.paymentId}; ${stock}.`;
}

function waitInWords(step: NextStep & { do: 'wait' }, progress: OrderProgress): string {
  const backordered = progress.waitingUnits > 0 ? ` ${progress.waitingUnits} units wait for stock.` : '';
  switch (step.for) {
    case 'payment':
      return `Waiting for payment until ${step.reservation.expiresAt}, when reservation ${step.reservation.reservationId} expires.${backordered}`;
    case 'shipment':
      return `Waiting for the carrier to pick up ${parcelsInWords(progress)}.${backordered}`;
    case 'stock':
      return `Waiting for stock: ${progress.waitingUnits} units.`;
  }
}

/** The saga is woken when a parcel leaves or fails, so only counts that change then are shown. */
function parcelsInWords({ shipments }: OrderProgress): string {
  const { picked_up: pickedUp = 0, delivered = 0, failed = 0, voided = 0 } = shipments;
  const all = Object.values(shipments).reduce((sum, count) => sum + count, 0) - failed - voided;
  return `${all - pickedUp - delivered} of ${all} shipments`;
}
