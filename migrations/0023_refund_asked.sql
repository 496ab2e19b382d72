-- When the gateway was last asked about a refund, and who settled one by hand.
alter table refunds
  add column asked_at timestamptz,
  -- Null of one that is not settled by hand.
  add column settled_by text;

update refunds r set settled_by = e.data ->> 'actor'
from order_events e
where r.status = 'settled_by_hand' and e.order_id = r.order_id and e.type = 'refund_settled' and e.data ->> 'refundId' = r.id::text;
