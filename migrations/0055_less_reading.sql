-- The oldest transaction that was running when the feed's time was taken: what those before it wrote is not after that time. Null: the
-- time was given, or the feed was uploaded by the version before.
alter table feeds add column running_xid bigint;
