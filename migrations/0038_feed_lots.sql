-- Feeds set lots. A row of a `set` feed says how many units of a lot were at a place as of a time, and is for the lot what an absolute
-- number is for the place (docs/decisions/0038-feeds-set-lots.md).

-- As of when the newest absolute number of the lot at its place is true; null: there is none. Under the lock of the stock row.
alter table lots add column number_as_of timestamptz;

-- Rows that name a lot.
alter table feeds add column lot_lines bigint not null default 0;
-- Rows that name lots have a lane of their own: they are applied one by one.
alter table feed_lanes add column by_lot boolean not null default false;
-- As it was given.
alter table feed_rows add column lot text;
-- The code of a known lot; of a new one as it was given.
alter table feed_changes add column lot text;
alter table feed_rejects add column lot text;
