-- no transaction
-- Authorisations that the gateway has dropped, and refunds that it made although a person had settled them. It may be run again.

alter table payments
  -- When the gateway is looked up about an authorisation, which may be gone, or a charge that a person settled as not made; null: not.
  add column if not exists look_due_at timestamptz,
  -- When the gateway said that nothing more of it can be captured.
  add column if not exists lost_at timestamptz;

alter table refunds
  -- Of one that a person settled although the gateway may have made it: when the gateway is looked up next; null: no more.
  add column if not exists look_due_at timestamptz,
  -- How often it was.
  add column if not exists looks int not null default 0,
  -- Of one that a person settled: when it was found that the gateway paid it out all the same. Its payment counts it as refunded.
  add column if not exists found_at timestamptz;

set lock_timeout = 0;
-- The reconciler: ended orders of which a refund is still looked up
drop index concurrently if exists refunds_to_look_up;
create index concurrently refunds_to_look_up on refunds (order_id) where look_due_at is not null;
-- The same of a charge
drop index concurrently if exists payments_to_look_up;
create index concurrently payments_to_look_up on payments (order_id) where status = 'declined' and look_due_at is not null;
