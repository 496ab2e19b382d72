import { many, type Queryable } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../orders/types';
import { OPEN_REFUND_STATUSES, PAYMENT_STATUSES_IN_FLIGHT } from '../payments/types';

/**
 * Orders with something left to do that have not moved for `graceSeconds`: open ones, and ended ones with a charge or refund
 * that is not final. The longer one has rested, the less often it is looked at again, at least every `recheckSeconds`;
 * one that waits for a reservation to fall due only that often. Locks them, and skips those that others have locked.
 */
export async function selectSuspectsForUpdate(
  on: Queryable,
  limits: { graceSeconds: number; recheckSeconds: number; limit: number },
): Promise<string[]> {
  const found = await many<{ id: string }>(
    on,
    'ordering.lock_suspects',
    `with unsettled as (
       select order_id as id from payments where status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
       union select order_id from refunds where status in ${literals(OPEN_REFUND_STATUSES)}
     )
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
     limit $3 for no key update skip locked`,
    [limits.graceSeconds, limits.recheckSeconds, limits.limit],
  );
  return found.map(({ id }) => id);
}
