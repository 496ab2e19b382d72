-- Inventory feeds, and batches of updates.

-- An inventory feed that was uploaded.
create table feeds (
  id       bigint generated always as identity primary key,
  job_id   uuid not null unique references jobs,
  mode     text not null check (mode in ('set', 'delta')),
  -- SHA-256 of what was uploaded, unpacked: another feed under the same idempotency key is refused.
  digest   text,
  -- Rows that were read, good and bad.
  lines    bigint not null default 0,
  -- Rows that were refused before anything was applied.
  rejected bigint not null default 0,
  -- resolved: keys are looked up, the rows to apply are numbered and split among lanes.
  stage    text not null default 'staged' check (stage in ('staged', 'resolved'))
) with (fillfactor = 70);

-- A part of a feed's resolved rows, applied in batches, one after the other; lanes run beside each other.
create table feed_lanes (
  feed_id   bigint not null references feeds,
  lane      int not null,
  -- Rows up to `position` are applied, the next is position + 1.
  position  bigint not null,
  last_seq  bigint not null,
  applied   bigint not null default 0,
  unchanged bigint not null default 0,
  rejected  bigint not null default 0,
  primary key (feed_id, lane),
  constraint feed_lanes_position_within check (position <= last_seq)
) with (fillfactor = 70);

-- Rows as they came, by COPY. `code` is set where a row could not be understood: it is then no more than a reject.
-- Written once, read once in whole, deleted at the end; an index would cost COPY more than it would save.
create table feed_rows (
  feed_id   bigint not null,
  line      bigint not null,
  sku       text,
  location  text,
  quantity  int,
  reason    text,
  reference text,
  -- The quantity as it stood in the file, where it is not a quantity.
  given     text,
  code      text,
  detail    text
);

-- Rows with their keys looked up, in the order in which they are applied.
create table feed_changes (
  feed_id      bigint not null,
  seq          bigint not null,
  line         bigint not null,
  product_id   int not null,
  warehouse_id int not null,
  -- How many lines of a delta feed are summed here.
  lines        int not null,
  -- Their sum, which may be more than a counter can hold.
  quantity     bigint not null,
  reason       text,
  reference    text,
  primary key (feed_id, seq)
);

create table feed_rejects (
  feed_id  bigint not null references feeds,
  line     bigint not null,
  sku      text,
  location text,
  quantity text,
  code     text not null,
  reason   text not null,
  primary key (feed_id, line)
);

-- What became of a chunk of a batch, written in the transaction that applied it: sent again, it gets this outcome and
-- is not applied a second time. One entry an update: [code or null, on hand, reserved, low-stock threshold], counts null where there is no row.
create table batch_chunks (
  batch_id   uuid not null,
  chunk      int not null check (chunk >= 0),
  outcomes   jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (batch_id, chunk)
);
