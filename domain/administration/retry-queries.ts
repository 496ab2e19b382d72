import { many, type Queryable } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { OPEN_CAPTURE_STATUSES, OPEN_REFUND_STATUSES } from '../payments/types';
import type { Work } from '../stock/alerts/types';

/** Of an order: money that is not given back or taken, and work that failed on it or on what belongs to it. */
export interface RetriableRow {
  what: 'refund' | 'capture' | Work;
  /** Of the refund or capture; of work, what it is about. */
  id: string;
}

export function selectRetriable(on: Queryable, orderId: string): Promise<RetriableRow[]> {
  return many<RetriableRow>(
    on,
    'administration.retriable',
    `select 'refund' as what, f.id::text as id from refunds f
     where f.order_id = $1 and f.status in ${literals([...OPEN_REFUND_STATUSES, 'failed'])}
     union all
     select 'capture', c.id::text from captures c
     where c.order_id = $1 and c.status in ${literals([...OPEN_CAPTURE_STATUSES, 'failed'])}
     union all
     select w.work, w.subject from failed_work w
     where split_part(w.subject, ' ', 1) in (
         select $1::uuid::text union all select s.id::text from shipments s where s.order_id = $1
         union all select r.id::text from reservations r where r.order_id = $1)
       or w.subject = 'order.wake ' || $1::uuid::text
     order by 1, 2`,
    [orderId],
  );
}
