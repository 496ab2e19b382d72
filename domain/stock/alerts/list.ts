import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { recordChange } from '../../audit/record';
import {
  acknowledgeOpenAlert,
  selectAffected,
  selectAlert,
  selectAlerts,
  type AffectedFilter,
  type AlertFilter,
} from './queries';
import type { AffectedView, AlertView } from './types';

/** A page of alerts, newest first. `next` is the id to go on after, or null at the end. */
export async function listAlerts(
  db: Database,
  filter: AlertFilter,
): Promise<{ items: AlertView[]; next: string | null }> {
  const found = await selectAlerts(db, filter);
  const items = found.slice(0, filter.limit);
  return { items, next: found.length > filter.limit ? (items.at(-1)?.id ?? null) : null };
}

/**
 * A page of those that an alert is about, in the order in which they were told of. `next` is the position to go on after, or null at the
 * end. Null: there is no such alert.
 */
export async function listAffected(
  db: Database,
  filter: AffectedFilter,
): Promise<{ items: AffectedView[]; next: string | null } | null> {
  if (!(await selectAlert(db, filter.alertId))) return null;
  const found = await selectAffected(db, filter);
  const shown = found.slice(0, filter.limit);
  return {
    items: shown.map(({ position: _, ...view }) => view),
    next: found.length > filter.limit ? (shown.at(-1)?.position ?? null) : null,
  };
}

/**
 * Acknowledges an alert. Again, it changes nothing: the first acknowledgement stays.
 *
 * @throws ALERT_RESOLVED when it is over. Null: there is no such alert.
 */
export function acknowledgeAlert(
  db: Database,
  request: { id: string; by: string; note: string | null },
): Promise<AlertView | null> {
  return db.retrying(async (tx) => {
    const changed = await acknowledgeOpenAlert(tx, request);
    const alert = await selectAlert(tx, request.id);
    if (alert?.status === 'resolved' && changed === 0)
      throw new AppError('ALERT_RESOLVED', `It was resolved at ${alert.resolvedAt}.`, { alert });
    if (alert && changed > 0)
      await recordChange(tx, {
        actor: request.by,
        action: 'alert.acknowledged',
        subject: { type: 'alert', id: request.id },
        after: { kind: alert.kind },
      });
    return alert ?? null;
  });
}
