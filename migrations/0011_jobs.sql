-- Long work that a client starts and then watches.

create table jobs (
  id                  uuid primary key,
  type                text not null check (type in ('feed', 'consistency')),
  status              text not null default 'queued' check (status in ('queued', 'running', 'completed', 'cancelled', 'failed')),
  input               jsonb not null default '{}',
  actor               text not null,
  processed           bigint not null default 0 check (processed >= 0),
  -- null: not known yet
  total               bigint check (total >= 0),
  -- What each type of job has to say of its course.
  details             jsonb not null default '{}',
  result              jsonb,
  -- Which file GET /downloads has of it, once it has ended.
  file                text check (file in ('csv', 'sql')),
  error_code          text,
  error_detail        text,
  cancel_requested_at timestamptz,
  -- Counts changes: the id of a message of its live stream.
  version             int not null default 1,
  created_at          timestamptz not null default clock_timestamp(),
  started_at          timestamptz,
  finished_at         timestamptz,
  check ((status in ('completed', 'cancelled', 'failed')) = (finished_at is not null)),
  check ((status = 'failed') = (error_code is not null))
) with (fillfactor = 70);
-- No index on what changes as it runs: reports of progress stay HOT.

-- GET /jobs, newest first, and by type
create index jobs_newest on jobs (created_at desc, id desc);
create index jobs_by_type on jobs (type, created_at desc, id desc);
-- The reconciler: those that have not ended
create index jobs_open on jobs (created_at, id) where status in ('queued', 'running');
