-- As in 0035, in two functions: what each entry asks for is an expression that PostgreSQL takes into the statement, instead of a call for
-- each row. Only the first entry of a transaction takes the time.

create function take_ledger_time() returns timestamptz language plpgsql as $$
declare
  taken timestamptz;
begin
  perform pg_advisory_xact_lock_shared(epoch_micros(clock_timestamp()));
  taken := clock_timestamp();
  perform set_config('holdfast.ledger_time', epoch_micros(taken)::text, true);
  return taken;
end $$;

create or replace function ledger_time() returns timestamptz language sql as $$
  select coalesce(timestamptz 'epoch' + nullif(current_setting('holdfast.ledger_time', true), '')::bigint * interval '1 microsecond',
                  take_ledger_time())
$$;
