-- no transaction
-- Authorisations of which a person said that nothing is held any more are looked up afterwards (`look_due_at`). It may be run again.
set lock_timeout = 0;
-- The reconciler: ended orders of which one is still looked up
drop index concurrently if exists payments_voids_to_look_up;
create index concurrently payments_voids_to_look_up on payments (order_id) where void_settled_by is not null and look_due_at is not null;
