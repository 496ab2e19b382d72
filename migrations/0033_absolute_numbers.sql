-- Absolute numbers carry a time. A count, a `setTo` or a row of a `set` feed says what was on hand as of a time; what moved after
-- it stays applied, and the newest such number of a stock row supersedes the older ones in whatever order they are posted
-- (docs/decisions/0033-absolute-numbers-carry-a-time.md).

-- When the entry takes effect, where that is not when it was written: of a correction. Null: a movement, at `at`.
-- `-infinity`: of a correction that was made before the stock row had any absolute number.
alter table inventory_transactions add column as_of timestamptz;
-- The absolute number that the entry brought the stock to, as it was given.
alter table inventory_transactions add column number int;

-- As of when the newest absolute number of the row is true; null: there is none.
alter table stock add column number_as_of timestamptz;
-- How many corrections the row has had: tells a statement that decided by its snapshot whether one came meanwhile.
alter table stock add column corrections int not null default 0;

-- Units that entries of a stock row have moved after a time: what is on hand now, less these, is what the ledger says was on hand
-- then. Openings, counts and repairs without a time are of ledgers that were written before this.
create function ledger_takes_effect_after(kind text, at timestamptz, as_of timestamptz, moment timestamptz) returns boolean
language sql immutable parallel safe as $$
  select case when as_of is null then at > moment and kind not in ('opening', 'count', 'repair') else as_of > moment end
$$;

-- A row without a time of its own hashes as before, so that seals of the time before this still fit.
create or replace function ledger_row_hash(t inventory_transactions) returns bytea language sql stable parallel safe as $$
  select sha256(convert_to((case when t.as_of is null then
      json_build_array(t.id, t.at at time zone 'UTC', t.product_id, t.warehouse_id, t.kind, t.on_hand_delta,
        t.reserved_delta, t.effect_id, t.reservation_id, t.order_id, t.reason, t.reference, t.actor, t.xid)
    else
      json_build_array(t.id, t.at at time zone 'UTC', t.product_id, t.warehouse_id, t.kind, t.on_hand_delta,
        t.reserved_delta, t.effect_id, t.reservation_id, t.order_id, t.reason, t.reference, t.actor, t.xid,
        t.as_of at time zone 'UTC', t.number)
    end)::text, 'UTF8'))
$$;

-- Counts

-- `counted_at` is as of when the count is true. A line that a newer absolute number has overtaken is `superseded`.
alter table count_lines drop constraint count_lines_status_check;
alter table count_lines add constraint count_lines_status_check
  check (status in ('open', 'counted', 'review', 'approved', 'rejected', 'superseded'));
-- The request that counted it last: sent again, it counts nothing anew. An equal number is no such request.
alter table count_lines add column count_id uuid;
-- What reserves the units that a true count did not find: [{reservationId, orderId, kind, status, quantity}].
alter table count_lines add column reservations jsonb;

-- Feeds

-- As of when the rows of a `set` feed are true that do not say so themselves.
alter table feeds add column as_of timestamptz not null default clock_timestamp();
alter table feed_rows add column as_of timestamptz;
alter table feed_changes add column as_of timestamptz;
