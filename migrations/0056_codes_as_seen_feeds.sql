-- Rows of a feed say when a lot expires, as it was given; of the rows to apply as a day. Apart from the keys of codes, which take long.
alter table feed_rows add column expires_on text;
alter table feed_changes add column expires_on date;
alter table feed_rejects add column expires_on text;
