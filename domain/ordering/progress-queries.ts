import { many, type Queryable } from '../../platform/database/database';
import { listOf } from '../../platform/database/list-parameter';
import { literals } from '../../platform/database/literals';
import { utc } from '../../platform/database/pages';
import { msLeft } from '../../platform/database/retry-times';
import { doubled } from '../fulfilment/doubled-sql';
import { STOPPABLE_SHIPMENT_STATUSES, STOPPED_SHIPMENT_STATUSES } from '../fulfilment/types';
import type { AttentionKind } from '../orders/types';
import type { OrderStatus } from '../orders/types';
import { OPEN_REFUND_STATUSES, PAYMENT_STATUSES_IN_FLIGHT } from '../payments/types';
import { LIVE_RESERVATION_STATUSES } from '../stock/reservations/types';
import { undecided } from './cuts/undecided-sql';
import type { OrderProgress } from './types';

/** Requests to cut that are shown: open ones first, then the latest. An order may have had any number. */
const LATEST_CUTS = 20;

export interface ProgressRow {
  orderId: string;
  status: OrderStatus;
  failureCode: string | null;
  hasPaymentMethod: boolean;
  cancel: OrderProgress['cancel'];
  reservations: unknown;
  payments: unknown;
  asks: unknown;
  waitingUnits: number;
  waitingMsLeft: number | null;
  shipments: unknown;
  stoppableShipments: number;
  stopMsLeft: number | null;
  stops: unknown;
  unreleasedShipments: number;
  cuts: unknown;
  mayCut: boolean;
  doubledShipments: number;
  attention: AttentionKind[];
}

const ASKS = `
  select 'charge' as kind, p.id, p.tries, p.next_try_at as due from payments p
  where p.order_id = o.id and p.status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
  union all
  select 'refund', f.id, f.tries, f.next_try_at from refunds f
  where f.order_id = o.id and f.status in ${literals(OPEN_REFUND_STATUSES)}`;

/** Everything the saga decides on, in one statement and so from one snapshot. */
export function selectProgress(on: Queryable, orderIds: readonly string[]): Promise<ProgressRow[]> {
  return many<ProgressRow>(
    on,
    'ordering.progress',
    `select o.id as "orderId", o.status, o.failure_code as "failureCode", o.payment_method is not null as "hasPaymentMethod",
       o.cancel_state as cancel,
       coalesce((select json_agg(json_build_object(
           'reservationId', r.id, 'seq', r.seq, 'status', r.status, 'attempt', r.attempt,
           'expiresAt', ${utc('r.expires_at')},
           'msLeft', ceil(extract(epoch from r.expires_at - clock_timestamp()) * 1000)) order by r.seq)
         from reservations r where r.order_id = o.id and r.status in ${literals(LIVE_RESERVATION_STATUSES)}), '[]') as reservations,
       coalesce((select json_agg(json_build_object('paymentId', p.id, 'status', p.status) order by p.attempt)
         from payments p where p.order_id = o.id), '[]') as payments,
       coalesce((select json_agg(json_build_object('kind', a.kind, 'id', a.id, 'tries', a.tries, 'msLeft', ${msLeft('a.due')})
           order by a.due nulls first, a.id)
         from (${ASKS}) a), '[]') as asks,
       coalesce(b.units, 0) as "waitingUnits",
       case when b.units > 0 then ceil(extract(epoch from o.backorder_until - clock_timestamp()) * 1000)::float8 end as "waitingMsLeft",
       s.counts as shipments, s.stoppable as "stoppableShipments", s.stop_ms as "stopMsLeft",
       coalesce((select json_agg(json_build_object('shipmentId', v.id, 'msLeft', ${msLeft('v.next_try_at')})
           order by v.next_try_at nulls first, v.id)
         from shipments v where v.order_id = o.id and v.status = 'voiding'), '[]') as stops,
       s.unreleased as "unreleasedShipments",
       s.doubled as "doubledShipments",
       coalesce((select json_agg(json_build_object('requestId', c.request_id, 'isOpen', c.is_open, 'units', c.units))
         from (select request_id, bool_or(state = 'open') as is_open, sum(done) as units from order_cuts
               where order_id = o.id group by request_id
               order by bool_or(state = 'open') desc, max(created_at) desc limit ${LATEST_CUTS}) c), '[]') as cuts,
       exists (select from order_cuts c where c.order_id = o.id and c.state = 'open' and (
           exists (select from backorders w where w.order_id = o.id and w.product_id = c.product_id and w.waiting > 0)
           or exists (select from reservations r join reservation_lines l on l.reservation_id = r.id
                      where r.order_id = o.id and r.status = 'pending' and l.product_id = c.product_id and l.open_quantity > 0)
           or not ${undecided('o.id', 'c.product_id')})) as "mayCut",
       coalesce((select array_agg(distinct t.details->>'reason') from alerts t
         where t.order_id = o.id and t.status <> 'resolved'), '{}') as attention
     from orders o
     left join lateral (select sum(waiting)::bigint as units from backorders where order_id = o.id) b on true
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
