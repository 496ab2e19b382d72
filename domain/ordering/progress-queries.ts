import { many, type Queryable } from '../../platform/database/database';
import { listOf } from '../../platform/database/list-parameter';
import { literals } from '../../platform/database/literals';
import { utc } from '../../platform/database/pages';
import { msLeft } from '../../platform/database/retry-times';
import { doubled } from '../fulfilment/doubled-sql';
import {
  LEFT_SHIPMENT_STATUSES,
  STOPPABLE_SHIPMENT_STATUSES,
  STOPPED_SHIPMENT_STATUSES,
} from '../fulfilment/types';
import type { AttentionKind } from '../orders/types';
import type { OrderStatus } from '../orders/types';
import { WAITS_FOR_CAPTURE, WAITS_FOR_MONEY } from '../payments/waits-sql';
import {
  OPEN_CAPTURE_STATUSES,
  OPEN_REFUND_STATUSES,
  PAYMENT_STATUSES_IN_FLIGHT,
  type PaymentStatus,
} from '../payments/types';
import { LIVE_RESERVATION_STATUSES } from '../stock/reservations/types';
import { decidable } from './amendments/decidable-sql';
import { beingAdded } from './being-added-sql';
import { undecided } from './cuts/undecided-sql';
import type { OrderProgress } from './types';
import { unshipped } from './unshipped-sql';

/** Requests to cut that are shown: open ones first, then the latest. An order may have had any number. */
const LATEST_REQUESTS = 20;
/** Amendments that are shown besides the open ones: the latest. */
const LATEST_AMENDMENTS = 5;

export interface ProgressRow {
  orderId: string;
  status: OrderStatus;
  failureCode: string | null;
  hasPaymentMethod: boolean;
  cancel: OrderProgress['cancel'];
  reservations: unknown;
  payments: unknown;
  actionMsLeft: number | null;
  asks: unknown;
  waitingUnits: number;
  waitingMsLeft: number | null;
  reviewMsLeft: number | null;
  shipments: unknown;
  stoppableShipments: number;
  stopMsLeft: number | null;
  stops: unknown;
  unreleasedShipments: number;
  cuts: unknown;
  mayCut: boolean;
  amendments: unknown;
  mayAmend: boolean;
  mayCapture: boolean;
  lapseMsLeft: number | null;
  lookMsLeft: number | null;
  doubledShipments: number;
  attention: AttentionKind[];
}

/** Of these the charge may be looked up: whether an authorisation is kept, and whether one that was settled by hand was made. */
const LOOKED_UP = ['authorized', 'declined'] as const satisfies readonly PaymentStatus[];

const ASKS = `
  select 'charge' as kind, p.id, p.tries, p.next_try_at as due from payments p
  where p.order_id = o.id and p.status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
  union all
  select 'charge', p.id, p.tries, p.look_due_at from payments p
  where p.order_id = o.id and p.status in ${literals(LOOKED_UP)} and p.look_due_at <= statement_timestamp()
  union all
  select 'void', p.id, p.tries, p.next_try_at from payments p where p.order_id = o.id and p.status = 'void_planned'
  union all
  select 'void', p.id, p.tries, p.look_due_at from payments p
  where p.order_id = o.id and p.void_settled_by is not null and p.look_due_at <= statement_timestamp()
  union all
  select 'capture', c.id, c.tries, c.next_try_at from captures c
  where c.order_id = o.id and c.status in ${literals(OPEN_CAPTURE_STATUSES)} and not ${WAITS_FOR_CAPTURE}
  union all
  select 'refund', f.id, f.tries, f.next_try_at from refunds f
  where f.order_id = o.id and f.status in ${literals(OPEN_REFUND_STATUSES)} and not ${WAITS_FOR_MONEY}
  union all
  select 'refund', f.id, f.looks, f.look_due_at from refunds f
  where f.order_id = o.id and f.look_due_at <= statement_timestamp()`;

/** Milliseconds until what a person settled, or an authorisation, is looked up, of those that are not due yet. */
const LOOK_MS = `least((select min(ceil(extract(epoch from p.look_due_at - clock_timestamp()) * 1000))::float8
  from payments p where p.order_id = o.id and (p.status in ${literals(LOOKED_UP)} or p.void_settled_by is not null)
    and p.look_due_at > statement_timestamp()),
  (select min(ceil(extract(epoch from f.look_due_at - clock_timestamp()) * 1000))::float8
  from refunds f where f.order_id = o.id and f.look_due_at > statement_timestamp()))`;

/** The money of the authorised payment \`p\` is to be taken or voided, and that is not planned: see \`settleAuthorizations\`. */
const MAY_CAPTURE = `
  (not p.captured_whole and exists (
     select from shipments s where s.reservation_id = p.reservation_id and s.status in ${literals(LEFT_SHIPMENT_STATUSES)}
       and not (p.multicapture and exists (select from captures c where c.payment_id = p.id and c.shipment_id = s.id)))
   or exists (select from reservations r where r.id = p.reservation_id and r.status <> 'confirmed')
      and not exists (select from captures c where c.payment_id = p.id and c.status in ('planned', 'failed')))`;

/** Everything the saga decides on, in one statement and so from one snapshot. */
export function selectProgress(on: Queryable, orderIds: readonly string[]): Promise<ProgressRow[]> {
  return many<ProgressRow>(
    on,
    'ordering.progress',
    `select o.id as "orderId", o.status, o.failure_code as "failureCode", o.payment_method is not null as "hasPaymentMethod",
       o.cancel_state as cancel,
       coalesce((select json_agg(json_build_object(
           'reservationId', r.id, 'seq', r.seq, 'status', r.status, 'attempt', r.attempt,
           'isUnshipped', ${unshipped('r')},
           'expiresAt', ${utc('r.expires_at')},
           'msLeft', ceil(extract(epoch from r.expires_at - clock_timestamp()) * 1000)) order by r.seq)
         from reservations r where r.order_id = o.id and r.status in ${literals(LIVE_RESERVATION_STATUSES)}), '[]') as reservations,
       coalesce((select json_agg(json_build_object('paymentId', p.id, 'status', p.status) order by p.attempt)
         from payments p where p.order_id = o.id), '[]') as payments,
       (select min(ceil(extract(epoch from p.action_until - clock_timestamp()) * 1000))::float8 from payments p
         where p.order_id = o.id and p.status = 'requires_action' and p.serves) as "actionMsLeft",
       coalesce((select json_agg(json_build_object('kind', a.kind, 'id', a.id, 'tries', a.tries, 'msLeft', ${msLeft('a.due')})
           order by a.due nulls first, a.id)
         from (${ASKS}) a), '[]') as asks,
       coalesce(b.units, 0) as "waitingUnits",
       case when b.units > 0 then ceil(extract(epoch from o.backorder_until - clock_timestamp()) * 1000)::float8 end as "waitingMsLeft",
       case when o.review_status = 'open' then ceil(extract(epoch from o.review_until - clock_timestamp()) * 1000)::float8 end as "reviewMsLeft",
       s.counts as shipments, s.stoppable as "stoppableShipments", s.stop_ms as "stopMsLeft",
       coalesce((select json_agg(json_build_object('shipmentId', v.id, 'msLeft', ${msLeft('v.next_try_at')})
           order by v.next_try_at nulls first, v.id)
         from shipments v where v.order_id = o.id and v.status = 'voiding'), '[]') as stops,
       s.unreleased as "unreleasedShipments",
       s.doubled as "doubledShipments",
       coalesce((select json_agg(json_build_object('requestId', c.request_id, 'isOpen', c.is_open, 'units', c.units))
         from (select request_id, bool_or(state = 'open') as is_open, sum(done) as units from order_cuts
               where order_id = o.id group by request_id
               order by bool_or(state = 'open') desc, max(created_at) desc limit ${LATEST_REQUESTS}) c), '[]') as cuts,
       exists (select from order_cuts c where c.order_id = o.id and c.state = 'open' and (
           c.shipment_id is null and (
             exists (select from backorders w where w.order_id = o.id and w.product_id = c.product_id and w.waiting > 0)
             or exists (select from reservations r join reservation_lines l on l.reservation_id = r.id
                        where r.order_id = o.id and (r.status = 'pending' and not ${beingAdded('r')} or ${unshipped('r')}) and l.product_id = c.product_id and l.open_quantity > 0))
           or not ${undecided('o.id', 'c.product_id')})) as "mayCut",
       coalesce((select json_agg(json_build_object('requestId', a.id, 'state', a.state, 'code', a.code))
         from ((select id, state, code from order_amendments where order_id = o.id and state = 'open')
               union all
               (select id, state, code from order_amendments where order_id = o.id and state <> 'open'
                order by created_at desc limit ${LATEST_AMENDMENTS})) a), '[]') as amendments,
       exists (select from order_amendments a where a.order_id = o.id and ${decidable('a')}) as "mayAmend",
       a.may_capture as "mayCapture", a.lapse_ms as "lapseMsLeft", ${LOOK_MS} as "lookMsLeft",
       coalesce((select array_agg(distinct t.details->>'reason') from alerts t
         where t.order_id = o.id and t.status <> 'resolved'), '{}') as attention
     from orders o
     left join lateral (select sum(waiting)::bigint as units from backorders where order_id = o.id) b on true
     cross join lateral (
       select coalesce(bool_or(${MAY_CAPTURE}), false) as may_capture,
         min(ceil(extract(epoch from p.capture_due_at - clock_timestamp()) * 1000))::float8 as lapse_ms
       from payments p where p.order_id = o.id and p.status = 'authorized') a
     cross join lateral (
       select coalesce(json_object_agg(status, count), '{}') as counts, coalesce(sum(stoppable), 0)::int as stoppable,
         min(stop_ms) as stop_ms, coalesce(sum(unreleased), 0)::int as unreleased,
         coalesce(sum(doubled), 0)::int as doubled
       from (
         select status, count(*),
           count(*) filter (where status in ${literals(STOPPABLE_SHIPMENT_STATUSES)} and stop_refused_at is null) as stoppable,
           min(${msLeft('next_try_at')}) filter (where status = 'voiding')::float8 as stop_ms,
           count(*) filter (where status in ${literals(STOPPED_SHIPMENT_STATUSES)} and released_at is null) as unreleased,
           count(*) filter (where ${doubled('shipments')}) as doubled
         from shipments where order_id = o.id group by status) by_status) s
     where o.id = any (${listOf(1, 'uuid')})`,
    [orderIds],
  );
}
