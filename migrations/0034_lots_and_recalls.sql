-- Lots have a master row for each product and code; codes and serial numbers are compared as people see them. What is recalled or has
-- expired is blocked wherever units come from. Receipts are reversed and corrected by documents.
--
-- In three files, so that nobody is kept out while rows are filled: this one adds what is new without reading a row, 0034_…_rows fills and
-- checks rows beside those who write, 0034_…_rules puts the rules in force. Until then the functions of before go on.

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

alter table lots add column master_id bigint references product_lots;

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
create trigger lots_master before insert on lots for each row when (new.master_id is null) execute function set_lot_master();

alter table lot_movements add column blocked boolean not null default false;
alter table serial_movements add column blocked boolean not null default false;

-- Serial numbers are compared likewise.
alter table serials
  add column serial_key text,
  -- The quality hold that it is on.
  add column hold_id uuid references quality_holds;
create function set_serial_key() returns trigger language plpgsql as $$
begin
  new.serial_key := code_key(new.serial);
  return new;
end $$;
create trigger serials_key before insert on serials for each row when (new.serial_key is null) execute function set_serial_key();

-- Quality holds of units that are promised.
alter table quality_holds
  -- Of `open`: promised to somebody, and taken as soon as they are free.
  add column awaited int not null default 0,
  -- Left with a parcel all the same.
  add column gone int not null default 0 check (gone >= 0),
  -- person: somebody asked for it; expired, recalled: because of its lot.
  add column cause text not null default 'person' check (cause in ('person', 'expired', 'recalled'));

alter table alerts drop constraint alerts_kind_check;
alter table alerts add constraint alerts_kind_check check (kind in
  ('low_stock', 'out_of_stock', 'overstock', 'transfer_overdue', 'ledger_drift', 'work_failed', 'attention', 'expiry_near', 'recall'))
  not valid;

-- Receipts that were wrong.
alter table receipts add column reversed_at timestamptz;
-- What a line counts now: 0 where it was taken back.
alter table receipt_lines drop constraint receipt_lines_quantity_check;
alter table receipt_lines add constraint receipt_lines_quantity_check check (quantity >= 0) not valid;

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
