import { many, type Queryable } from '../../platform/database/database';

/**
 * Orders with something left to do that have not moved for `graceSeconds`: open ones, and ended ones with a charge or refund
 * that is not final. The longer one has rested, the less often it is returned again, at least every `recheckSeconds`;
 * one that waits for a reservation to fall due only that often. Marks them as looked at, so that several reconcilers share
 * the work and a long list is gone through in turn.
 */
export function claimResting(
  on: Queryable,
  limits: { graceSeconds: number; recheckSeconds: number; limit: number },
): Promise<{ id: string }[]> {
  return many(
    on,
    'orders.claim_resting',
    `with unsettled as (
       select order_id as id from payments where status in ('pending', 'unknown')
       union select order_id from refunds where status = 'pending'
     ), suspects as (
       select o.id from orders o
       where (o.status in ('reserved', 'paid', 'fulfilling') or o.id in (select id from unsettled))
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
     returning o.id`,
    [limits.graceSeconds, limits.recheckSeconds, limits.limit],
  );
}
