-- Lots have a master row for each product and code; codes and serial numbers are compared as people see them. What is recalled or has
-- expired is blocked wherever units come from. Receipts are reversed and corrected by documents.
--
-- In three files, so that nobody is kept out: this one has what is new, 0034_…_rows changes one table at a time, fills and checks rows
-- beside those who write, and 0034_…_rules puts the rules in force. Until then the functions of before go on.

-- How people see a code: without blanks around it, one blank for any number within, in one Unicode form, whatever its case.
create function code_key(given text) returns text language sql immutable strict parallel safe as $$
  select lower(normalize(btrim(regexp_replace(given, '[\s\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]+', ' ', 'g')), NFC)
    collate pg_c_utf8)
$$;

create function today_utc() returns date language sql stable parallel safe as $$ select (now() at time zone 'UTC')::date $$;

-- A lot of a product, wherever its units are.
create table product_lots (
  id              bigint generated always as identity primary key,
  product_id      int not null,
  -- As it was first given.
  code            text not null check (code <> ''),
  -- Of `code`; of two codes of before this table that look alike, the second has its id behind it.
  code_key        text not null,
  -- The last day on which it may be sold, in UTC; null: it does not expire.
  expires_on      date,
  -- Recalled: every unit of it is put on hold, also those that come in later.
  recalled_at     timestamptz,
  recall_reason   text,
  recalled_by     text,
  created_at      timestamptz not null default clock_timestamp(),
  constraint product_lots_one_per_code unique (product_id, code_key),
  constraint product_lots_recall check
    ((recalled_at is null) = (recall_reason is null) and (recalled_at is null) = (recalled_by is null))
) with (fillfactor = 90);
create unique index product_lots_by_code on product_lots (product_id, code);

-- What was changed of a lot by hand, and by whom.
create table product_lot_changes (
  id         bigint generated always as identity primary key,
  lot_id     bigint not null references product_lots,
  at         timestamptz not null default clock_timestamp(),
  change     text not null check (change in ('expiry', 'recall', 'recall_ended')),
  -- Of an expiry.
  before     date,
  after      date,
  reason     text not null,
  actor      text not null
);
create index product_lot_changes_by_lot on product_lot_changes (lot_id, id);
create trigger product_lot_changes_append_only before update or delete on product_lot_changes
  for each row execute function refuse_change();

-- Until 0034_…_rules: the functions of before make lots without naming a master.
create function set_lot_master() returns trigger language plpgsql as $$
begin
  new.master_id := (select id from product_lots where product_id = new.product_id and code = new.code);
  if new.master_id is not null then return new; end if;
  insert into product_lots (product_id, code, code_key, expires_on)
  select new.product_id, new.code,
    case when exists (select from product_lots where product_id = new.product_id and code_key = code_key(new.code))
         then code_key(new.code) || ' #' || new.id else code_key(new.code) end,
    least(new.expires_on, (select min(expires_on) from lots where product_id = new.product_id and code = new.code))
  on conflict do nothing;
  new.master_id := (select id from product_lots where product_id = new.product_id and code = new.code);
  return new;
end $$;

-- Serial numbers are compared likewise.
create function set_serial_key() returns trigger language plpgsql as $$
begin
  new.serial_key := code_key(new.serial);
  return new;
end $$;

-- Receipts that were wrong.
create table receipt_changes (
  id         uuid primary key,
  receipt_id uuid not null references receipts,
  kind       text not null check (kind in ('reversal', 'correction')),
  reason     text not null,
  actor      text not null,
  at         timestamptz not null default clock_timestamp(),
  -- [{line, before: {quantity, unitCostMinor, lot}, after: {…}}]
  lines      jsonb not null
);
create index receipt_changes_by_receipt on receipt_changes (receipt_id, at);
create trigger receipt_changes_append_only before update or delete on receipt_changes
  for each row execute function refuse_change();

-- What a receipt made of the average of a product, so that taking it back gives exactly the one of before.
create table receipt_averages (
  -- Of two, which came first.
  seq            bigint generated always as identity,
  receipt_id     uuid not null references receipts,
  product_id     int not null,
  average_before numeric(24, 6),
  average_after  numeric(24, 6),
  -- Units that the average before it was of.
  base_units     bigint not null,
  primary key (receipt_id, product_id)
);

create index receipt_averages_by_product on receipt_averages (product_id, seq);
create index product_lots_recalled on product_lots (product_id) where recalled_at is not null;
