import type { Database, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import {
  endOrderAlert,
  raiseOrderAlerts,
  readAlert,
  resolveOrderAlerts,
  type AlertView,
} from '../stock/alerts/alerts';
import { appendEvents } from './events';

/**
 * Everything for which an order needs a person, and what that person does. `byHand`: only that person can say when it is done
 * (`endAttention`); the others end by themselves when their cause is gone.
 */
export const ATTENTION = {
  refund_failed: {
    next: 'The gateway refuses this refund for good. Give the money back in another way and record it with POST /refunds/{id}/resolve, or try again with POST /refunds/{id}/retry.',
  },
  refund_delayed: {
    next: 'The gateway has not made this refund yet. It is tried again by itself. Look at the gateway; POST /refunds/{id}/resolve records money that went back in another way.',
  },
  charge_unresolved: {
    next: 'The gateway does not say what became of this charge. Its stock is on sale again. It is asked again by itself; money that turns out to be captured goes back. Look the payment up at the gateway.',
  },
  shipment_not_stopped: {
    next: 'The carrier does not respond to the order to stop this parcel. It is asked again by itself. Stop the parcel by hand: its units stay reserved until the carrier responds.',
  },
  left_after_stop: {
    next: 'The carrier picked this parcel up after it was stopped: the goods are gone and their money goes back. Get the parcel back and book its units in with POST /inventory/{sku}/adjust, or charge the customer anew. Then end this with POST /inventory/alerts/{id}/resolve.',
    byHand: true,
  },
  workflow_stuck: {
    next: "The task of this order's workflow fails again and again. Look at the build that runs it. The safe way out is to terminate the workflow: its rows decide, and the reconciler starts it anew.",
  },
} as const satisfies Record<string, { next: string; byHand?: true }>;

export type AttentionKind = keyof typeof ATTENTION;

/** That an order needs a person. */
export interface Attention {
  orderId: string;
  kind: AttentionKind;
  /** What it is about: the id of a refund, payment, shipment or order. */
  about: string;
  /** In words. */
  why: string;
  /** Further figures. */
  details?: Readonly<Record<string, unknown>>;
}

/** What an order's view shows of it. */
export interface AttentionView {
  kind: AttentionKind;
  about: string;
  /** RFC 3339. */
  since: string;
  why: string;
  /** What to do about it. */
  next: string;
}

/** Says that orders need a person: an alert each, which the order shows until it is resolved. Again: the latest reason stays. */
export async function raiseAttention(tx: Transaction, attention: readonly Attention[]): Promise<void> {
  if (attention.length === 0) return;
  await raiseOrderAlerts(
    tx,
    attention.map(({ orderId, kind, about, why, details }) => ({
      orderId,
      subject: subjectOf({ kind, about }),
      details: { ...details, reason: kind, about, why, next: ATTENTION[kind].next },
    })),
  );
}

/** Says that these no longer need a person. */
export async function resolveAttention(
  tx: Transaction,
  attention: readonly Pick<Attention, 'kind' | 'about'>[],
): Promise<void> {
  if (attention.length > 0) await resolveOrderAlerts(tx, attention.map(subjectOf));
}

const BY_HAND = Object.entries(ATTENTION)
  .filter(([, kind]) => 'byHand' in kind)
  .map(([reason]) => reason);

/**
 * Ends an alert of which only a person can say that it is done, and writes into the order's history who did and what. Again, it
 * changes nothing: who was first stays.
 *
 * @throws ALERT_ENDS_BY_ITSELF when its cause ends it; ALERT_RESOLVED when that has happened. Null: there is no such alert.
 */
export function endAttention(
  db: Database,
  { id, by, note }: { id: string; by: string; note: string },
): Promise<AlertView | null> {
  return db.retrying(async (tx) => {
    const ended = await endOrderAlert(tx, { id, by, resolution: note, reasons: BY_HAND });
    const alert = await readAlert(tx, id);
    if (!alert) return null;
    if (ended?.orderId) {
      const { reason, about } = alert.details;
      await appendEvents(tx, [
        { orderId: ended.orderId, type: 'attention_resolved', data: { kind: reason, about, by, note } },
      ]);
    } else if (alert.status === 'resolved') {
      if (alert.resolvedBy === null)
        throw new AppError('ALERT_RESOLVED', `It was resolved at ${alert.resolvedAt}.`, { alert });
    } else {
      throw new AppError('ALERT_ENDS_BY_ITSELF', 'It is resolved when its cause is gone.', { alert });
    }
    return alert;
  });
}

function subjectOf({ kind, about }: Pick<Attention, 'kind' | 'about'>): string {
  return `${kind}:${about}`;
}
