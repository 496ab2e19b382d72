-- Feeds are staged in chunks, each in a transaction of its own, so that no transaction waits for the client that uploads.

-- null until all of it is stored: the row of an upload is there before its job.
alter table feeds alter column job_id drop not null;
alter table feeds
  -- The id that its job will have; null once it has one, and where the upload was given up.
  add column uploading_for uuid,
  -- When the process that takes the upload was last heard of.
  add column touched_at timestamptz,
  -- The line of a quote that is not closed: nothing was read from there on.
  add column unread_from bigint,
  add constraint feeds_uploading_has_no_job check (uploading_for is null or job_id is null);

-- Of two uploads for one job the second is refused.
create unique index feeds_uploading on feeds (uploading_for) where uploading_for is not null;
-- Uploads that broke off
create index feeds_without_job on feeds (id) where job_id is null;
