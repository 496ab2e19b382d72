-- no transaction
-- Lists of products are sorted by bytes, whatever the collation of the database. Made beside those who write; it may be run again.
set lock_timeout = 0;

drop index concurrently if exists products_by_sku_bytes;
create index concurrently products_by_sku_bytes on products (sku collate "C");
drop index concurrently if exists products_by_category_bytes;
create index concurrently products_by_category_bytes on products (category_id, sku collate "C");
