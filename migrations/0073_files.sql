-- Files of jobs that are kept outside the database: on disk or in S3 (docs/decisions/0074-files-are-known-before-they-are-written.md).

create table stored_files (
  id         uuid primary key,
  job_id     uuid not null references jobs,
  -- Of the place, as a URL: a file of one that was set before is not looked for in another.
  store      text not null check (store <> ''),
  key        text not null check (key <> ''),
  -- writing: whoever writes it may have died. stored: it is whole, and the job's. unwanted: it is to be removed.
  status     text not null default 'writing' check (status in ('writing', 'stored', 'unwanted')),
  -- SHA-256 of its bytes, hexadecimal; null until it is whole.
  sha256     text check (sha256 ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default clock_timestamp(),
  check (status <> 'stored' or sha256 is not null)
);
-- The file of a job; one at most
create unique index stored_files_of_job on stored_files (job_id) where status = 'stored';
-- A job that is removed is looked for among them
create index stored_files_by_job on stored_files (job_id);
-- What is to be removed, and what was left behind
create index stored_files_to_remove on stored_files (store, created_at) where status in ('writing', 'unwanted');
