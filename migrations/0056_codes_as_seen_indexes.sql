-- no transaction
-- Receipts of a supplier by its number of the document, however it is written. Made beside those who write. It may be run again.
set lock_timeout = 0;

drop index concurrently if exists receipts_by_document;
create index concurrently receipts_by_document on receipts (document_key(supplier_reference), document_key(coalesce(supplier, '')))
  where reversed_at is null;
