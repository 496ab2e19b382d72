-- What keeps nobody out while it reads the rows that are there.
alter table reconciliation_differences validate constraint reconciliation_differences_earlier;
alter table reconciliation_entries validate constraint reconciliation_entries_kind_check;
