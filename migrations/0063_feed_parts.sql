-- Feeds are looked up in parts beside each other, each in a transaction of its own; a part is a lane once it is looked up.

-- Into how many parts the feed is split, as whoever looked it up first has decided; null: nobody has yet, or it was looked up as a whole.
alter table feeds add column parts int check (parts > 0);
