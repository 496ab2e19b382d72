-- What an incremental consistency check looks at: orders that were touched since the last. Without it each of its statements
-- read every order there ever was: at a million, 0.2 s each, growing with them. The updates of an order are not HOT anyway, for
-- `orders_open`.
create index orders_by_update on orders (updated_at);
