import { maybeOne, many, type Queryable } from '../../platform/database/database';
import type { OrderInput } from '../orders/types';
import { literals } from '../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../orders/types';
import { PAYMENT_STATUSES_IN_FLIGHT } from '../payments/types';

export interface Suspect {
  orderId: string;
  input: OrderInput;
}

/**
 * Orders with something left to do that have not moved for `graceSeconds`: open ones, and ended ones with a charge or refund
 * that is not final. The longer one has rested, the less often it is looked at again, at least every `recheckSeconds`;
 * one that waits for a hold to fall due only that often. Marks them as looked at, so that several sweeps share the work and
 * a long list is gone through in turn.
 */
export function claimSuspects(
  on: Queryable,
  limits: { graceSeconds: number; recheckSeconds: number; limit: number },
): Promise<Suspect[]> {
  return many<Suspect>(
    on,
    'orders.claim_suspects',
    `with unsettled as (
       select order_id as id from payments where status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
       union select order_id from refunds where status = 'pending'
     ), suspects as (
       select o.id from orders o
       where (o.status in ${literals(OPEN_ORDER_STATUSES)} or o.id in (select id from unsettled))
         and o.updated_at < clock_timestamp() - make_interval(secs => $1)
         and (o.checked_at is null
              or o.checked_at < clock_timestamp() - make_interval(secs => case
                   when exists (select 1 from reservations r
                                where r.order_id = o.id and r.status = 'pending' and r.expires_at > clock_timestamp())
                   then $2::float8
                   else least($2::float8, greatest($1::float8, extract(epoch from o.checked_at - o.updated_at) / 2)) end))
       order by o.checked_at nulls first, o.updated_at
       limit $3 for no key update skip locked
     )
     update orders o set checked_at = clock_timestamp() from suspects s where o.id = s.id
     returning o.id as "orderId", o.input`,
    [limits.graceSeconds, limits.recheckSeconds, limits.limit],
  );
}

/** What an order's saga was started with. */
export async function selectInput(on: Queryable, orderId: string): Promise<OrderInput | undefined> {
  const row = await maybeOne<{ input: OrderInput }>(
    on,
    'orders.input',
    'select input from orders where id = $1',
    [orderId],
  );
  return row?.input;
}
