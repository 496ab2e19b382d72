-- Erasing what is known of a person. What they ordered, paid and sent back stays, by ids that tell nothing of them.

alter table users add column erased_at timestamptz;
-- When its address, texts and card token were erased.
alter table orders add column erased_at timestamptz;

-- That somebody was erased, who asked for it, and how far it has come. Nothing here is personal.
create table erasures (
  user_id      uuid primary key references users,
  requested_at timestamptz not null default clock_timestamp(),
  -- A caller: the person, or an administrator.
  requested_by text not null check (requested_by <> ''),
  -- Orders whose values were erased so far.
  orders       int not null default 0 check (orders >= 0),
  finished_at  timestamptz
);
-- GET /admin/attention: those that are not finished
create index erasures_unfinished on erasures (requested_at, user_id) where finished_at is null;

-- People of another provider whose account was disabled before it was erased: they stay out. A hash, since who they are was erased.
create table refused_identities (
  -- SHA-256 of issuer and subject as a JSON array
  hash       bytea primary key check (length(hash) = 32),
  refused_at timestamptz not null default clock_timestamp()
);

-- Members of events and responses that may tell of a person: an address, what somebody wrote, a page to authenticate on.
create function personal_members() returns text[] language sql immutable
  return array['shipTo', 'reason', 'cancelReason', 'note', 'reference', 'nextAction', 'text', 'detail'];

-- The same without these members, at whatever depth.
create function without_personal_members(value jsonb) returns jsonb language plpgsql immutable as $$
begin
  case jsonb_typeof(value)
    when 'object' then
      return (select coalesce(jsonb_object_agg(m.key, without_personal_members(m.value)), '{}') from jsonb_each(value) m
              where m.key <> all (personal_members()));
    when 'array' then
      return (select coalesce(jsonb_agg(without_personal_members(e.value) order by e.ordinality), '[]')
              from jsonb_array_elements(value) with ordinality e);
    else return value;
  end case;
end
$$;

-- Events are append-only. The one change is that an event of an order that was erased loses these members.
create function refuse_event_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.data = without_personal_members(old.data) and to_jsonb(new) - 'data' = to_jsonb(old) - 'data'
     and exists (select from orders where id = new.order_id and erased_at is not null) then
    return new;
  end if;
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation', constraint = 'append_only';
end
$$;
create or replace trigger order_events_append_only before update or delete on order_events
  for each row execute function refuse_event_change();

-- The runtime role may not write events but by adding them.
create function erase_order_events(of_orders uuid[]) returns int language plpgsql security definer as $$
declare
  erased int;
begin
  update order_events set data = without_personal_members(data)
  where order_id = any (of_orders) and data <> without_personal_members(data);
  get diagnostics erased = row_count;
  return erased;
end
$$;

do $$
begin
  execute format('alter function erase_order_events(uuid[]) set search_path = %I, pg_temp', current_schema());
  revoke execute on function erase_order_events(uuid[]) from public;
end $$;
