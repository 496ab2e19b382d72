import { many, type Queryable } from '../../platform/database/database';
import { listOf } from '../../platform/database/list-parameter';
import type { OrderStatus } from '../orders/types';
import { literals } from '../../platform/database/literals';
import { utc } from '../../platform/database/pages';
import { OPEN_ORDER_STATUSES } from '../orders/types';
import { PAYMENT_STATUSES_IN_FLIGHT } from '../payments/types';
import { STOPPED_SHIPMENT_STATUSES } from '../fulfilment/types';
import { LIVE_RESERVATION_STATUSES } from '../stock/reservations/types';

export interface ProgressRow {
  orderId: string;
  status: OrderStatus;
  failureCode: string | null;
  hasPaymentMethod: boolean;
  cancelRequested: boolean;
  reservations: unknown;
  charge: unknown;
  waitingUnits: number;
  shipments: unknown;
  unreleasedShipments: number;
  pendingRefunds: number;
}

/** Everything the saga decides on, in one statement and so from one snapshot. */
export function selectProgress(on: Queryable, orderIds: readonly string[]): Promise<ProgressRow[]> {
  return many<ProgressRow>(
    on,
    'ordering.progress',
    `select o.id as "orderId", o.status, o.failure_code as "failureCode", o.payment_method is not null as "hasPaymentMethod",
       o.cancel_reason is not null and o.status in ${literals(OPEN_ORDER_STATUSES)} as "cancelRequested",
       coalesce((select json_agg(json_build_object(
           'reservationId', r.id, 'seq', r.seq, 'status', r.status, 'attempt', r.attempt,
           'expiresAt', ${utc('r.expires_at')},
           'msLeft', ceil(extract(epoch from r.expires_at - clock_timestamp()) * 1000)) order by r.seq)
         from reservations r where r.order_id = o.id and r.status in ${literals(LIVE_RESERVATION_STATUSES)}), '[]') as reservations,
       (select json_build_object('paymentId', p.id, 'reservationId', p.reservation_id, 'status', p.status,
           'ageSeconds', extract(epoch from clock_timestamp() - p.created_at)::float8)
         from payments p where p.order_id = o.id and p.status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}) as charge,
       coalesce((select sum(b.waiting) from backorders b where b.order_id = o.id), 0) as "waitingUnits",
       coalesce((select json_object_agg(s.status, s.count)
         from (select status, count(*) from shipments where order_id = o.id group by status) s), '{}') as shipments,
       (select count(*)::int from shipments s
         where s.order_id = o.id and s.status in ${literals(['voiding', ...STOPPED_SHIPMENT_STATUSES])}
           and exists (select 1 from reservation_lines l
                       where l.reservation_id = s.reservation_id and l.warehouse_id = s.warehouse_id
                         and l.open_quantity > 0)) as "unreleasedShipments",
       (select count(*)::int from refunds f where f.order_id = o.id and f.status = 'pending') as "pendingRefunds"
     from orders o where o.id = any (${listOf(1, 'uuid')})`,
    [orderIds],
  );
}
