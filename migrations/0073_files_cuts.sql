-- A cut of a settlement is a place in the money ledger, and no longer one among transactions of the server (docs/decisions/0069-settlement-cuts.md).

-- Rows up to this id are in the cut, but for those that were being written.
alter table settlement_runs add column sees_to bigint;
alter table settlement_runs add column missing int8multirange;
alter table settlement_runs drop constraint settlement_runs_cut;

-- Of cuts that were made before: what their snapshot shows.
update settlement_runs r set
  sees_to = coalesce((select l.id from money_ledger l where pg_visible_in_snapshot(l.xid, r.snapshot) order by l.id desc limit 1), 0)
where r.snapshot is not null;
update settlement_runs r set
  missing = coalesce((select range_agg(int8range(l.id, l.id, '[]')) from money_ledger l
    where l.xid::text::bigint >= pg_snapshot_xmin(r.snapshot)::text::bigint and l.id <= r.sees_to
      and not pg_visible_in_snapshot(l.xid, r.snapshot)), '{}')
where r.snapshot is not null;

-- What came late was read in the order of transactions: runs that have not ended sum anew.
delete from settlement_sums s using settlement_runs r where r.job_id = s.job_id and r.finished is null;
delete from settlement_parts;
update settlement_runs set base = null where finished is null;

-- A worker of the version before fixes no cut any more: nobody could tell later what is in it.
alter table settlement_runs add constraint settlement_runs_sees check
  ((cut is null) = (sees_to is null) and (sees_to is null) = (missing is null));
