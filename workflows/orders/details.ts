import type { ShipmentStatus } from '../../domain/fulfilment/types';
import type { OrderProgress } from '../../domain/ordering/types';

/** The latest steps kept in an order's details: an order that is retried for days must not grow without bound. */
const MAX_LINES = 20;

/**
 * What an operator reads in the Temporal UI when opening an order: what it waits for and until when, and what it did.
 * Kept in the workflow's memory and read by the UI's query, so it costs no event.
 */
export class OrderDetails {
  private readonly lines: string[] = [];
  private before: OrderProgress | undefined;

  constructor(private readonly write: (markdown: string) => void) {}

  /** Adds a line to what was done. */
  did(what: string): void {
    this.lines.push(`- ${new Date().toISOString()} ${what}`);
    if (this.lines.length > MAX_LINES) this.lines.shift();
  }

  /** Adds what has changed since the rows were looked at last. */
  looked(after: OrderProgress): void {
    const { before } = this;
    this.before = after;
    for (const { paymentId, status } of after.payments) {
      const earlier = before?.payments.find((payment) => payment.paymentId === paymentId)?.status;
      if (status !== earlier && status !== 'pending') this.did(`Payment ${status}.`);
    }
    for (const [status, count] of Object.entries(after.shipments)) {
      const more = count - (before?.shipments[status as ShipmentStatus] ?? 0);
      if (more > 0 && status !== 'pending') this.did(`Shipments ${status}: ${more} more.`);
    }
    if (before && before.status !== after.status) this.did(`Order ${after.status}.`);
  }

  /** Says what happens now. */
  now(words: string): void {
    this.write([`**Now:** ${words}`, '', '**So far:**', '', ...this.lines].join('\n'));
  }
}
