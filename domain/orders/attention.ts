import type { Queryable, Transaction } from '../../platform/database/database';
import {
  raiseOrderAlerts,
  resolveOrderAlerts,
  selectNeedsByReason,
  selectOrdersInNeed,
} from '../stock/alerts/alerts';

/** Everything for which an order needs a person, and what that person does. */
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
    next: 'The carrier picked this parcel up after it was stopped: the goods are gone and their money went back. Get the parcel back, or charge the customer anew.',
  },
  workflow_stuck: {
    next: "The task of this order's workflow fails again and again. Look at the build that runs it. The safe way out is to terminate the workflow: its rows decide, and the reconciler starts it anew.",
  },
} as const satisfies Record<string, { next: string }>;

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

/** Orders that need a person for this reason, and still do. */
export function ordersInNeed(on: Queryable, kind: AttentionKind): Promise<string[]> {
  return selectOrdersInNeed(on, kind);
}

/** How often orders need a person now, by every reason that there is. */
export async function countAttention(on: Queryable): Promise<Readonly<Record<string, number>>> {
  const none = Object.fromEntries(Object.keys(ATTENTION).map((kind) => [kind, 0]));
  const found = await selectNeedsByReason(on);
  return { ...none, ...Object.fromEntries(found.map(({ reason, count }) => [reason, count])) };
}

function subjectOf({ kind, about }: Pick<Attention, 'kind' | 'about'>): string {
  return `${kind}:${about}`;
}
