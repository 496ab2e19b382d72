import {
  execute,
  many,
  maybeOne,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';

export interface OrderAlert {
  orderId: string;
  /** What it is about, with the reason: at most one alert on it is not over. */
  subject: string;
  details: Readonly<Record<string, unknown>>;
}

/** Raises alerts that orders need a person. One that is not over stays, with the details of now. */
export function raiseOrderAlerts(tx: Transaction, alerts: readonly OrderAlert[]): Promise<number> {
  return execute(
    tx,
    'alerts.raise_of_orders',
    `insert into alerts as a (kind, order_id, subject, details)
     select 'attention', * from unnest($1::uuid[], $2::text[], $3::jsonb[])
     on conflict (subject) where status <> 'resolved' and subject is not null do update set details = excluded.details
     where a.details <> excluded.details`,
    [
      alerts.map((alert) => alert.orderId),
      alerts.map((alert) => alert.subject),
      alerts.map((alert) => JSON.stringify(alert.details)),
    ],
  );
}

/** Resolves the alerts on these subjects that are not over. */
export function resolveOrderAlerts(tx: Transaction, subjects: readonly string[]): Promise<number> {
  return execute(
    tx,
    'alerts.resolve_of_orders',
    `update alerts set status = 'resolved', resolved_at = clock_timestamp()
     where subject = any ($1::text[]) and status <> 'resolved'`,
    [subjects],
  );
}

/** Ends the alert of an order on this subject by hand, where it is not over. Returns how many it ended. */
export function endOrderAlertOn(
  tx: Transaction,
  end: { orderId: string; subject: string; by: string; resolution: string },
): Promise<number> {
  return execute(
    tx,
    'alerts.end_on_subject',
    `update alerts set status = 'resolved', resolved_at = clock_timestamp(), resolved_by = $3, resolution = $4
     where order_id = $1 and subject = $2 and kind = 'attention' and status <> 'resolved'`,
    [end.orderId, end.subject, end.by, end.resolution],
  );
}

/** Details of the alerts of an order for this reason that are not over. */
export async function selectDetailsOfOrder(
  on: Queryable,
  orderId: string,
  reason: string,
): Promise<Readonly<Record<string, unknown>>[]> {
  const found = await many<{ details: Record<string, unknown> }>(
    on,
    'alerts.details_of_order',
    `select details from alerts where order_id = $1 and status <> 'resolved' and details ->> 'reason' = $2 order by id`,
    [orderId, reason],
  );
  return found.map(({ details }) => details);
}

/** Orders with an alert of this reason that is not over; the index `alerts_of_order` has no others. */
export async function selectOrdersInNeed(on: Queryable, reason: string): Promise<string[]> {
  const found = await many<{ orderId: string }>(
    on,
    'alerts.orders_in_need',
    `select distinct order_id as "orderId" from alerts
     where order_id is not null and status <> 'resolved' and details ->> 'reason' = $1`,
    [reason],
  );
  return found.map(({ orderId }) => orderId);
}

/** Alerts that orders need a person and that nobody has acknowledged, by their reason; by the same index. */
export function selectNeedsByReason(on: Queryable): Promise<{ reason: string; count: number }[]> {
  return many(
    on,
    'alerts.needs_by_reason',
    `select details ->> 'reason' as reason, count(*) as count from alerts
     where order_id is not null and status <> 'resolved' and status = 'open' group by 1`,
    [],
  );
}

/** Ends an alert of an order by hand, where it is not over and has one of these reasons. Returns its order if it did. */
export function endOrderAlert(
  tx: Transaction,
  end: { id: string; by: string; resolution: string; reasons: readonly string[] },
): Promise<{ orderId: string } | undefined> {
  return maybeOne(
    tx,
    'alerts.end_of_order',
    `update alerts set status = 'resolved', resolved_at = clock_timestamp(), resolved_by = $2, resolution = $3
     where id = $1 and kind = 'attention' and status <> 'resolved' and details ->> 'reason' = any ($4::text[])
     returning order_id as "orderId"`,
    [end.id, end.by, end.resolution, end.reasons],
  );
}
