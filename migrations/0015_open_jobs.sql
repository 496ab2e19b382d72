-- The sweep of jobs: those that have not ended. Reports of progress do not change the status, so they stay HOT.
create index jobs_open on jobs (created_at, id) where status in ('queued', 'running');
