import { many, type Queryable } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { utc, utcMicros } from '../../platform/database/pages';
import { STOCK_ALERTS, type WaitingPosition, type WaitingSubject } from './attention-types';

export interface WaitingRow extends WaitingPosition {
  kind: string;
  subjectType: WaitingSubject;
  subjectId: string;
  since: string;
  deadline: string | null;
  alertId: string | null;
  acknowledgedBy: string | null;
  details: Readonly<Record<string, unknown>>;
}

const COLUMNS = `kind, "subjectType", "subjectId", key, ${utc('since')} as since, ${utcMicros('since')} as "sinceMicros",
  ${utc('deadline')} as deadline, "alertId", "acknowledgedBy", details`;

/** Of messages that a worker should have delivered: longer than any of them takes. */
const OUTBOX_SECONDS = 60;

/** Of an erasure: more than its last step waits for. */
const ERASURE_SECONDS = 3_600;
/** Orders that are named. */
const NAMED_ORDERS = 10;

/**
 * A part of what waits: rows of (kind, subject type, subject id, key, since, deadline, alert, acknowledged by, details). Each is limited by
 * itself and found by an index, so that a page costs no more where one part is long.
 */
function part(select: string): string {
  return `(select * from (${select}) w
    where ($1::timestamptz is null or (w.since >= $1 and (w.since, w.key) > ($1, $2::text collate "C")))
      and ($3::text is null or w.kind = $3)
    order by w.since, w.key limit $4)`;
}

/** What is told of an alert is in its details; the words of the others are made of the figures here. */
const ALERTS = `
  select case when a.kind = 'attention' then a.details ->> 'reason' else a.kind end as kind,
     case when a.order_id is not null then 'order' when a.product_id is not null then 'place'
       when a.kind = 'reservation_stopped' then 'reservation' when a.kind = 'work_failed' then 'work' else 'ledger' end as "subjectType",
     case when a.order_id is not null then a.order_id::text when a.product_id is not null then p.sku || ' at ' || w.code
       when a.kind = 'reservation_stopped' then a.details ->> 'reservationId' else a.subject end as "subjectId",
     ('alert:' || a.id) collate "C" as key, a.raised_at as since,
     case when a.details ->> 'reason' = 'review_open' then (select o.review_until from orders o where o.id = a.order_id) end as deadline,
     a.id as "alertId", a.acknowledged_by as "acknowledgedBy", a.details
  from alerts a left join products p on p.id = a.product_id left join warehouses w on w.id = a.warehouse_id
  where a.status <> 'resolved' and a.kind not in ${literals(STOCK_ALERTS)}`;

const PARTS = [
  ALERTS,
  `select 'job_failed', 'job', j.id::text, ('job:' || j.id) collate "C", j.finished_at, null, null, null,
     jsonb_build_object('type', j.type, 'code', j.error_code, 'detail', j.error_detail, 'file', j.file)
   from jobs j where j.status = 'failed' and j.acknowledged_at is null`,
  `select 'count_review', 'count', s.id::text, ('count:' || s.id) collate "C", s.submitted_at, null, null, null,
     jsonb_build_object('location', w.code, 'lines',
       (select count(*) from count_lines l where l.sheet_id = s.id and l.status = 'review'))
   from count_sheets s join warehouses w on w.id = s.warehouse_id where s.status = 'review'`,
  `select 'quality_hold', 'quality_hold', h.id::text, ('hold:' || h.id) collate "C", h.created_at, null, null, null,
     jsonb_build_object('sku', p.sku, 'location', w.code, 'open', h.open, 'cause', h.cause, 'reason', h.reason)
   from quality_holds h join products p on p.id = h.product_id join warehouses w on w.id = h.warehouse_id
   where h.open > 0 and h.cause <> 'count'`,
  `select 'return_received', 'return', r.id::text, ('return:' || r.id) collate "C", r.updated_at, null, null, null,
     jsonb_build_object('orderId', r.order_id, 'units',
       (select sum(l.received - l.restocked - l.written_off) from customer_return_lines l where l.return_id = r.id))
   from customer_returns r
   where r.status = 'received' and exists (
     select from customer_return_lines l where l.return_id = r.id and l.received > l.restocked + l.written_off)`,
  `select 'outbox_behind', 'outbox', o.topic || ' ' || o.key, 'outbox' collate "C", o.created_at, null, null, null,
     jsonb_build_object('messages', (select count(*) from (select from outbox n
       where n.available_at < clock_timestamp() - make_interval(secs => ${OUTBOX_SECONDS}) limit 10000) late))
   from outbox o
   where o.available_at < clock_timestamp() - make_interval(secs => ${OUTBOX_SECONDS})
     and not exists (select from failed_work f where f.work = 'deliver_message' and f.subject = o.topic || ' ' || o.key)
   order by o.available_at, o.id limit 1`,
  `select 'erasure_waits', 'user', e.user_id::text, ('erasure:' || e.user_id) collate "C", e.requested_at, null, null, null,
     jsonb_build_object('orders', (select string_agg(o.id::text, ', ' order by o.created_at, o.id) from (
       select l.id, l.created_at from orders l where l.customer_id = e.user_id::text and l.erased_at is null
       order by l.created_at, l.id limit ${NAMED_ORDERS}) o))
   from erasures e
   where e.finished_at is null and e.requested_at < clock_timestamp() - make_interval(secs => ${ERASURE_SECONDS})`,
  `select 'check_found', 'check', c.check_id, ('check:' || c.check_id) collate "C", c.finished_at, null, null, null,
     jsonb_build_object('findings', c.findings, 'jobId', c.job_id)
   from unnest($5::text[]) as wanted (id) cross join lateral (
     select l.* from consistency_checks l where l.check_id = wanted.id order by l.started_at desc limit 1) c
   where c.findings > 0`,
].map((select, at) => (at === 0 ? select : named(select)));

/** Columns of a union have the names of its first part; here each part is a query of its own. */
function named(select: string): string {
  return `select kind, "subjectType", "subjectId", key, since, deadline::timestamptz, "alertId"::uuid, "acknowledgedBy"::text, details
    from (${select}) as u (kind, "subjectType", "subjectId", key, since, deadline, "alertId", "acknowledgedBy", details)`;
}

/** What waits for a person, longest first; one more than asked for, to tell whether there is more. */
export function selectWaiting(
  on: Queryable,
  {
    after,
    kind,
    limit,
    checks,
  }: {
    after?: WaitingPosition | undefined;
    kind?: string | undefined;
    limit: number;
    /** Those whose latest run counts. */
    checks: readonly string[];
  },
): Promise<WaitingRow[]> {
  return many<WaitingRow>(
    on,
    'administration.waiting',
    `select ${COLUMNS}
     from (${PARTS.map(part).join('\n union all ')}) waiting
     order by waiting.since, key limit $4`,
    [after?.sinceMicros ?? null, after?.key ?? null, kind ?? null, limit + 1, checks],
  );
}

/** Alerts about some things, longest first: those of an order, of a product, and those on subjects such as `work_failed` has. */
export function selectWaitingAbout(
  on: Queryable,
  about: { orderId: string | null; sku: string | null; subjects: readonly string[] },
): Promise<WaitingRow[]> {
  return many<WaitingRow>(
    on,
    'administration.waiting_about',
    `select ${COLUMNS} from (${ALERTS}
       and (a.order_id = $1::uuid or a.product_id = (select id from products where sku = $2) or a.subject = any ($3::text[]))) waiting
     order by waiting.since, key`,
    [about.orderId, about.sku, about.subjects],
  );
}
