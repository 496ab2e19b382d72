import { literals } from '../../platform/database/literals';
import { TAKING_DISPUTE_STATUSES } from './types';

/** SQL of the money of payments `chosen`, as `known`. */
export const MONEY_KNOWN = `select p.id as payment_id, 'capture' as kind, p.id as source_id, p.captured_minor as amount,
    -- All of it goes back: nothing was sold for it.
    exists (select from refunds r where r.payment_id = p.id and r.origin = 'payment' and r.origin_id = p.id) as unwanted,
    coalesce((select min(e.at) from order_events e where e.order_id = p.order_id and e.type = 'payment_captured'
              and e.data ->> 'paymentId' = p.id::text), p.updated_at) as at
  from chosen p where p.captured_minor > 0 and not exists (select from captures c where c.payment_id = p.id)
  union all
  select p.id, 'capture', c.id, c.amount_minor,
    -- More was captured than was asked for.
    c.shipment_id is null and c.gateway_ref is null
      and exists (select from refunds r where r.payment_id = p.id and r.origin = 'payment' and r.origin_id = p.id),
    c.updated_at
  from chosen p join captures c on c.payment_id = p.id where c.status = 'succeeded' and c.amount_minor > 0
  union all
  select p.id, 'refund', r.id, case when r.status = 'succeeded' or r.found_at is not null then r.amount_minor else 0 end, false,
    coalesce(r.found_at, r.updated_at)
  from chosen p join refunds r on r.order_id = p.order_id and r.payment_id = p.id
  union all
  select p.id, 'dispute', d.id, case when d.status in ${literals(TAKING_DISPUTE_STATUSES)} then d.amount_minor else 0 end, false,
    d.occurred_at
  from chosen p join disputes d on d.payment_id = p.id`;

/**
 * SQL of whether the ledger does not have `k` as it is true. Workers of the version before also take back what is in it, and change what a
 * dispute has taken. A part of a capture or refund is nobody's doing but a person's: that is for the check to tell.
 */
export const UNPOSTED = `(select (k.amount = 0) <> (l.minor = 0) or k.kind = 'dispute' and k.amount <> l.minor from (
      select coalesce(sum(case when l.kind in ('capture', 'refund', 'dispute') then l.amount_minor
                               when l.kind in ('refund_failed', 'dispute_reversed') then -l.amount_minor end), 0) as minor
      from money_ledger l where l.source_id = k.source_id) l)`;

/**
 * SQL of the ids of the payments in `of`, a query of `payments`, that have money which the ledger does not have as it is true, while the
 * backfill has not looked at all of them since workers of the version before have ended: it posts that. None once it is over.
 */
export const unpostedPayments = (of: string): string =>
  `with chosen as (${of}), known as (${MONEY_KNOWN})
   select k.payment_id from known k where exists (select from money_backfill where finished_at is null) and ${UNPOSTED}`;
