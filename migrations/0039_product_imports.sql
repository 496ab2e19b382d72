-- Products that are uploaded as CSV or JSON lines, like feeds of stock levels: `feeds` and `feed_lanes` are those of both.

alter table jobs drop constraint jobs_type_check;
alter table jobs add constraint jobs_type_check check (type in ('feed', 'consistency', 'products'));

-- `set` and `delta` are of stock levels, the others of products.
alter table feeds drop constraint feeds_mode_check;
alter table feeds add constraint feeds_mode_check check (mode in ('set', 'delta', 'upsert', 'create', 'update'));

-- Of the rows that were applied: products that were made.
alter table feed_lanes add column added bigint not null default 0;

-- Rows as they were read. `code` is set where a row is rejected, when it is read or later: these stay to be downloaded, the others
-- are deleted at the end.
create table product_import_rows (
  feed_id bigint not null references feeds,
  line    bigint not null,
  -- How many lines say the same: this one, and others that were left out.
  lines   int not null default 1,
  sku     text,
  -- As it was given, by column: for the rejects.
  given   jsonb not null,
  -- What it says of the product; null where it could not be understood.
  fields  jsonb,
  code    text,
  reason  text,
  primary key (feed_id, line),
  constraint product_import_rows_said check (fields is not null or code is not null),
  constraint product_import_rows_reason check ((code is null) = (reason is null))
);
