import type { Queryable, Transaction } from '../../platform/database/database';
import {
  raiseOrderAlerts,
  resolveOrderAlerts,
  selectNeedsByReason,
  selectOrdersInNeed,
} from '../stock/alerts/alerts';
import { ATTENTION, type AttentionKind } from './types';

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
