import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import {
  endOrderAlert,
  endOrderAlertOn,
  raiseOrderAlerts,
  readAlert,
  resolveOrderAlerts,
  selectDetailsOfOrder,
  selectNeedsByReason,
  selectOrdersInNeed,
  type AlertSeverity,
  type AlertView,
} from '../stock/alerts/alerts';
import { eraseErasedLater } from './erase-later';
import { appendEvents } from './events';
import { ATTENTION, type AttentionKind, type NewEvent } from './types';

/** That an order needs a person. */
export interface Attention {
  orderId: string;
  kind: AttentionKind;
  /** What it is about: the id of a refund, payment, dispute, shipment or order; of a refund that is not ours, as the gateway has it. */
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
    attention.map(({ orderId, kind, about, why, details }) => {
      const info = ATTENTION[kind];
      const severity = 'severity' in info ? { severity: info.severity } : {};
      return {
        orderId,
        subject: subjectOf({ kind, about }),
        details: { ...details, ...severity, reason: kind, about, why, next: info.next },
      };
    }),
  );
  // What is noted about it.
  await eraseErasedLater(
    tx,
    attention.map(({ orderId }) => orderId),
  );
}

/** Says that these no longer need a person. */
export async function resolveAttention(
  tx: Transaction,
  attention: readonly Pick<Attention, 'kind' | 'about'>[],
): Promise<void> {
  if (attention.length > 0) await resolveOrderAlerts(tx, attention.map(subjectOf));
}

/** The further figures of everything for which an order needs a person for this reason now. */
export function attentionDetails(
  on: Queryable,
  orderId: string,
  kind: AttentionKind,
): Promise<Readonly<Record<string, unknown>>[]> {
  return selectDetailsOfOrder(on, orderId, kind);
}

/**
 * Ends what an order needs a person for by what that person did elsewhere, of this order alone. Returns its event, which is the
 * caller's to append: none where there is nothing to end.
 */
export async function endAttentionAbout(
  tx: Transaction,
  { orderId, kind, about }: Pick<Attention, 'orderId' | 'kind' | 'about'>,
  { by, note }: { by: string; note: string },
): Promise<NewEvent[]> {
  const subject = subjectOf({ kind, about });
  const ended = await endOrderAlertOn(tx, { orderId, subject, by, resolution: note });
  return ended > 0
    ? [{ orderId, type: 'attention_resolved', actor: by, data: { kind, about, by, note } }]
    : [];
}

/** Orders that need a person for this reason, and still do. */
export function ordersInNeed(on: Queryable, kind: AttentionKind): Promise<string[]> {
  return selectOrdersInNeed(on, kind);
}

const SEVERITIES: ReadonlyMap<string, AlertSeverity> = new Map(
  Object.entries(ATTENTION).map(([reason, info]) => [reason, 'severity' in info ? info.severity : 'warning']),
);

export interface AttentionCount {
  reason: string;
  severity: AlertSeverity;
  count: number;
}

/** How often orders need a person and nobody has acknowledged it, by every reason that there is: 0 where none does. */
export async function countAttention(on: Queryable): Promise<AttentionCount[]> {
  const found = new Map((await selectNeedsByReason(on)).map(({ reason, count }) => [reason, count]));
  return [...new Set([...SEVERITIES.keys(), ...found.keys()])].map((reason) => ({
    reason,
    // A reason of a later version is not known here.
    severity: SEVERITIES.get(reason) ?? 'warning',
    count: found.get(reason) ?? 0,
  }));
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
        {
          orderId: ended.orderId,
          type: 'attention_resolved',
          actor: by,
          data: { kind: reason, about, by, note },
        },
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
