-- What keeps nobody out while it reads the batches that are there.
alter table event_batches validate constraint event_batches_source_check;
