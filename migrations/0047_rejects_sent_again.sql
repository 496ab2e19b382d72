-- What a rejected row said besides its quantity, so that a file of rejects that is sent again means the same. The version before leaves
-- the columns empty.

-- As of when the row is true: as it was given where it could not be read, else in UTC. Null: as of the feed's time.
alter table feed_rejects add column as_of text;
-- Why the stock changes; `reason` is why the row was rejected.
alter table feed_rejects add column row_reason text;
alter table feed_rejects add column reference text;

-- Of a row that could not be understood: its time, as it was given.
alter table feed_rows add column given_as_of text;
