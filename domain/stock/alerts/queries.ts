import {
  execute,
  many,
  maybeOne,
  type Database,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { utc } from '../../../platform/database/pages';
import type { StockKey } from '../ledger/types';
import type {
  AffectedPromise,
  AffectedView,
  AlertKind,
  AlertStatus,
  AlertView,
  OverdueTransfer,
  RaisedAlertKind,
} from './types';

/** A place, and what its alert is to say. */
export interface PlaceToTell extends StockKey {
  details: Readonly<Record<string, unknown>>;
}

/**
 * Raises an alert for each place, in the transaction that makes it true. While one of this kind is open or acknowledged for the product
 * and location it stays, with the details of now; raised again with the same details nothing changes.
 *
 * @param places each once
 */
export function raiseAlerts(
  tx: Transaction,
  kind: RaisedAlertKind,
  places: readonly PlaceToTell[],
): Promise<number> {
  return execute(
    tx,
    'alerts.raise',
    `insert into alerts as a (kind, product_id, warehouse_id, details)
     select $1::text, k.product_id, k.warehouse_id, k.details
     from unnest($2::int[], $3::int[], $4::jsonb[]) as k (product_id, warehouse_id, details) order by 2, 3
     on conflict (product_id, warehouse_id, kind) where status <> 'resolved' do update set details = excluded.details
     where a.details <> excluded.details`,
    [
      kind,
      places.map(({ productId }) => productId),
      places.map(({ warehouseId }) => warehouseId),
      places.map(({ details }) => JSON.stringify(details)),
    ],
  );
}

/** So many of those that an alert is about are in its details; all of them are in a list. */
export const SHOWN_IN_DETAILS = 20;

/**
 * Tells of those to whom units of a place were promised that are blocked (`recall`), or that a count did not find (`count_short`).
 * All share the alert of the place, whose details show the first of them as `affected`, and how many there are; a further one opens
 * an acknowledged alert again. A parcel is told of once.
 *
 * @param affected at least one
 */
export function raiseBrokenPromises(
  tx: Transaction,
  {
    kind,
    productId,
    warehouseId,
    why,
    affected,
  }: StockKey & { kind: 'recall' | 'count_short'; why: string; affected: readonly AffectedPromise[] },
): Promise<number> {
  return execute(
    tx,
    'alerts.raise_broken_promises',
    `with fresh as (
       select f.one, row_number() over (order by f.place) as place from jsonb_array_elements($5::jsonb) with ordinality as f (one, place)
       where f.one ->> 'outcome' <> 'parcel_stopped' or not exists (
         select from alerts a join alert_affected t on t.alert_id = a.id
         where a.product_id = $1 and a.warehouse_id = $2 and a.kind = $4 and a.status <> 'resolved'
           and t.shipment_id = (f.one ->> 'shipmentId')::uuid and t.outcome = 'parcel_stopped')
     ), raised as (
       insert into alerts as a (kind, product_id, warehouse_id, details)
       select $4, $1, $2, jsonb_build_object('why', $3::text, 'total', count(*),
         'affected', jsonb_agg(one order by place) filter (where place <= ${SHOWN_IN_DETAILS}))
       from fresh having count(*) > 0
       on conflict (product_id, warehouse_id, kind) where status <> 'resolved'
       do update set status = 'open', acknowledged_at = null, acknowledged_by = null, note = null,
         details = jsonb_build_object('why', $3::text,
           'affected', a.details -> 'affected' || coalesce(
             (select jsonb_agg(one order by place) from fresh
              where place <= ${SHOWN_IN_DETAILS} - jsonb_array_length(a.details -> 'affected')), '[]'),
           'total', (a.details ->> 'total')::int + (select count(*) from fresh))
       returning a.id
     )
     insert into alert_affected (alert_id, order_id, reservation_id, shipment_id, outcome, units)
     select r.id, (one ->> 'orderId')::uuid, (one ->> 'reservationId')::uuid, (one ->> 'shipmentId')::uuid, one ->> 'outcome', (one ->> 'units')::int
     from raised r cross join fresh order by place`,
    [productId, warehouseId, why, kind, JSON.stringify(affected)],
  );
}

/** Those that an alert is about, in the order in which they were told of; one more than asked for, to tell whether there are more. */
export function selectAffected(
  on: Queryable,
  { alertId, after, limit, offset }: AffectedFilter,
): Promise<AffectedRow[]> {
  return many<AffectedRow>(
    on,
    'alerts.affected',
    `select id::text as position, order_id as "orderId", reservation_id as "reservationId", shipment_id as "shipmentId", outcome, units,
            ${utc('at')} as at
     from alert_affected where alert_id = $1 and id > $2::bigint order by alert_affected.id limit $3 offset $4`,
    [alertId, after ?? '0', limit + 1, offset],
  );
}

export interface AffectedFilter {
  alertId: string;
  /** Position of the one that the page comes after. */
  after?: string | undefined;
  limit: number;
  offset: number;
}

export interface AffectedRow extends AffectedView {
  position: string;
}

/**
 * Tells of reservations without an order that nobody has touched for so many days since they were confirmed. One that is told of
 * already stays as it is.
 */
export function raiseStoppedReservations(on: Queryable, days: number, limit: number): Promise<number> {
  return execute(
    on,
    'alerts.raise_stopped_reservations',
    `insert into alerts (kind, subject, details)
     select 'reservation_stopped', 'reservation_stopped:' || r.id,
       jsonb_build_object('reservationId', r.id, 'reference', r.own_reference, 'orderId', r.reference,
         'confirmedAt', ${utc('r.updated_at')}, 'days', $1::int,
         'units', (select coalesce(sum(l.open_quantity), 0) from reservation_lines l where l.reservation_id = r.id))
     from reservations r
     where r.kind = 'hold' and r.status = 'confirmed' and r.updated_at < statement_timestamp() - make_interval(days => $1::int)
       and not exists (select from alerts a where a.subject = 'reservation_stopped:' || r.id and a.status <> 'resolved')
     order by r.updated_at limit $2
     on conflict (subject) where status <> 'resolved' and subject is not null do nothing`,
    [days, limit],
  );
}

/** Resolves those alerts of reservations that have moved on since. */
export function resolveStoppedReservations(on: Queryable, days: number): Promise<number> {
  return execute(
    on,
    'alerts.resolve_stopped_reservations',
    `update alerts a set status = 'resolved', resolved_at = clock_timestamp()
     where a.kind = 'reservation_stopped' and a.status <> 'resolved' and not exists (
       select from reservations r where r.id = (a.details ->> 'reservationId')::uuid and r.status = 'confirmed'
         and r.updated_at < statement_timestamp() - make_interval(days => $1::int))`,
    [days],
  );
}

/** Resolves those alerts at places where nothing is on such a hold any more. */
export function resolveBrokenPromises(on: Queryable): Promise<number> {
  return execute(
    on,
    'alerts.resolve_broken_promises',
    `update alerts a set status = 'resolved', resolved_at = clock_timestamp()
     where a.kind in ('recall', 'count_short') and a.status <> 'resolved' and not exists (
       select from quality_holds h where h.product_id = a.product_id and h.warehouse_id = a.warehouse_id and h.open > 0
         and (h.cause = 'count') = (a.kind = 'count_short'))`,
  );
}

/** Resolves the open or acknowledged alerts of this kind at these places, as far as there are any. */
export function resolveAlerts(
  tx: Transaction,
  kind: RaisedAlertKind,
  places: readonly StockKey[],
): Promise<number> {
  return execute(
    tx,
    'alerts.resolve',
    `with over as (
       select a.id from unnest($2::int[], $3::int[]) as k (product_id, warehouse_id)
       join alerts a on a.product_id = k.product_id and a.warehouse_id = k.warehouse_id and a.kind = $1::text and a.status <> 'resolved'
       order by a.product_id, a.warehouse_id for no key update of a)
     update alerts a set status = 'resolved', resolved_at = clock_timestamp() from over where a.id = over.id`,
    [kind, places.map(({ productId }) => productId), places.map(({ warehouseId }) => warehouseId)],
  );
}

/** Makes the alert of a place about its overdue transfers, or opens again the one that is acknowledged. Locks it. */
export function upsertTransferOverdue(
  tx: Transaction,
  { productId, warehouseId, transferId }: OverdueTransfer,
): Promise<number> {
  return execute(
    tx,
    'alerts.raise_transfer_overdue',
    `insert into alerts as a (kind, product_id, warehouse_id, details)
     values ('transfer_overdue', $1, $2, jsonb_build_object('transferIds', jsonb_build_array($3::text), 'total', 1))
     on conflict (product_id, warehouse_id, kind) where status <> 'resolved'
     do update set status = 'open', acknowledged_at = null, acknowledged_by = null, note = null`,
    [productId, warehouseId, transferId],
  );
}

/** Locks the alert of a place about its overdue transfers; returns 0 where there is none. */
export function lockTransferOverdue(tx: Transaction, { productId, warehouseId }: StockKey): Promise<number> {
  return execute(
    tx,
    'alerts.lock_transfer_overdue',
    `select from alerts where product_id = $1 and warehouse_id = $2 and kind = 'transfer_overdue' and status <> 'resolved'
     for no key update`,
    [productId, warehouseId],
  );
}

/**
 * Writes into that alert which transfers are overdue: how many, and the first of them. Without any it is resolved, and keeps those that it
 * showed. The caller has its lock, so that a later one counts what an earlier one wrote.
 */
export function updateTransferOverdue(
  tx: Transaction,
  { productId, warehouseId }: StockKey,
): Promise<number> {
  return execute(
    tx,
    'alerts.update_transfer_overdue',
    `with late as (
       select id, row_number() over (order by overdue_at, id) as place from transfers
       where product_id = $1 and target_id = $2 and status = 'in_transit' and overdue_at is not null
     ), told as (
       select count(*) as total,
         coalesce(jsonb_agg(id::text order by place) filter (where place <= ${SHOWN_IN_DETAILS}), '[]') as first from late
     )
     update alerts a
     set details = case when t.total = 0 then a.details else jsonb_build_object('transferIds', t.first, 'total', t.total) end,
         status = case when t.total = 0 then 'resolved' else a.status end,
         resolved_at = case when t.total = 0 then clock_timestamp() end
     from told t
     where product_id = $1 and warehouse_id = $2 and kind = 'transfer_overdue' and status <> 'resolved'`,
    [productId, warehouseId],
  );
}

/**
 * What is not as it was sealed, by who finds it out: the checks of both ledgers and of the audit log, and the fold of a month that is older
 * than the retention. Each raises and ends an alert of its own, since a check need not read what the fold has read.
 */
export type TamperedSubject = 'ledger' | 'audit_log' | 'money_ledger' | 'ledger_fold';

/**
 * Tells that this is not as it was sealed. There is one such alert of each; what is found anew opens an acknowledged one again. `jobId`:
 * of the check that has found it.
 */
export function raiseTampered(
  tx: Transaction,
  subject: TamperedSubject,
  details: { jobId?: string; findings: number; first: readonly string[] },
): Promise<number> {
  return execute(
    tx,
    'alerts.raise_ledger_tampered',
    `insert into alerts as a (kind, subject, details) values ('ledger_tampered', $1, $2)
     on conflict (subject) where status <> 'resolved' and subject is not null
     do update set details = excluded.details,
       status = case when excluded.details -> 'first' <@ (a.details -> 'first') then a.status else 'open' end,
       acknowledged_at = case when excluded.details -> 'first' <@ (a.details -> 'first') then a.acknowledged_at end,
       acknowledged_by = case when excluded.details -> 'first' <@ (a.details -> 'first') then a.acknowledged_by end,
       note = case when excluded.details -> 'first' <@ (a.details -> 'first') then a.note end`,
    [subject, JSON.stringify(details)],
  );
}

export function resolveTampered(tx: Transaction, subject: TamperedSubject): Promise<number> {
  return execute(
    tx,
    'alerts.resolve_ledger_tampered',
    `update alerts set status = 'resolved', resolved_at = clock_timestamp()
     where subject = $1 and kind = 'ledger_tampered' and status <> 'resolved'`,
    [subject],
  );
}

const VIEW = `a.id, a.kind, a.status, p.sku, w.code as location, a.order_id as "orderId", a.details, ${utc('a.raised_at')} as "raisedAt",
  ${utc('a.acknowledged_at')} as "acknowledgedAt", a.acknowledged_by as "acknowledgedBy", a.note,
  ${utc('a.resolved_at')} as "resolvedAt", a.resolved_by as "resolvedBy", a.resolution`;

export interface AlertCount {
  kind: string;
  open: number;
  acknowledged: number;
}

/** What is not resolved, by the index that holds nothing else. */
export function selectAlertCounts(on: Queryable): Promise<AlertCount[]> {
  return many<AlertCount>(
    on,
    'alerts.counts',
    `select kind, count(*) filter (where status = 'open') as open,
       count(*) filter (where status = 'acknowledged') as acknowledged
     from alerts where status <> 'resolved' group by kind`,
  );
}

export interface AlertFilter {
  status?: AlertStatus | undefined;
  kind?: AlertKind | undefined;
  sku?: string | undefined;
  /** Warehouse code. */
  location?: string | undefined;
  /** For which an order needs a person. */
  reason?: string | undefined;
  orderId?: string | undefined;
  /** Id of the alert that the page comes after. */
  after?: string | undefined;
  limit: number;
  offset: number;
}

/** Newest first; one more than asked for, to tell whether there are more. */
export function selectAlerts(db: Database, filter: AlertFilter): Promise<AlertView[]> {
  const query = db
    .builder('alerts as a')
    .leftJoin('products as p', 'p.id', 'a.product_id')
    .leftJoin('warehouses as w', 'w.id', 'a.warehouse_id')
    .select(db.builder.raw(VIEW))
    .orderBy('a.id', 'desc')
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.status !== undefined) void query.where('a.status', filter.status);
  if (filter.kind !== undefined) void query.where('a.kind', filter.kind);
  if (filter.sku !== undefined)
    void query.whereRaw('a.product_id = (select id from products where sku = ?)', [filter.sku]);
  if (filter.location !== undefined)
    void query.whereRaw('a.warehouse_id = (select id from warehouses where code = ?)', [filter.location]);
  if (filter.reason !== undefined)
    void query.where('a.kind', 'attention').whereRaw(`a.details ->> 'reason' = ?`, [filter.reason]);
  if (filter.orderId !== undefined) void query.where('a.order_id', filter.orderId);
  if (filter.after !== undefined) void query.where('a.id', '<', filter.after);
  return db.list<AlertView>(query);
}

/** Only an open alert is changed: what was acknowledged first stays. */
export function acknowledgeOpenAlert(
  on: Queryable,
  { id, by, note }: { id: string; by: string; note: string | null },
): Promise<number> {
  return execute(
    on,
    'alerts.acknowledge',
    `update alerts set status = 'acknowledged', acknowledged_at = clock_timestamp(), acknowledged_by = $2, note = $3
     where id = $1 and status = 'open'`,
    [id, by, note],
  );
}

export function selectAlert(on: Queryable, id: string): Promise<AlertView | undefined> {
  return maybeOne<AlertView>(
    on,
    'alerts.view',
    `select ${VIEW} from alerts a left join products p on p.id = a.product_id
     left join warehouses w on w.id = a.warehouse_id
     where a.id = $1`,
    [id],
  );
}
