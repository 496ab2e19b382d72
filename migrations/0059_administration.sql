-- What staff note about orders, and who has seen that a job failed.

-- Of staff only: no view of a customer or service reads them. They may name people, so each can be removed.
create table order_notes (
  id         uuid primary key,
  order_id   uuid not null references orders,
  text       text not null check (text <> ''),
  actor      text not null,
  created_at timestamptz not null default clock_timestamp()
);
-- GET /admin/orders/{id}/notes, newest first
create index order_notes_by_order on order_notes (order_id, created_at desc, id desc);
-- GET /admin/orders?text=
create index order_notes_words on order_notes using gin (to_tsvector('simple', text));

create table order_tags (
  order_id   uuid not null references orders,
  tag        text not null check (tag <> ''),
  actor      text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (order_id, tag)
);
-- GET /admin/orders?tag=
create index order_tags_by_tag on order_tags (tag, order_id);

alter table jobs
  -- Somebody has seen that it failed and says that nothing more is to be done.
  add column acknowledged_at timestamptz,
  add column acknowledged_by text,
  add column acknowledgement text,
  add constraint jobs_acknowledged check
    (num_nonnulls(acknowledged_at, acknowledged_by) <> 1 and (acknowledgement is null or acknowledged_at is not null)),
  add constraint jobs_acknowledged_failed check (acknowledged_at is null or status = 'failed');
