-- How many units of a product lie in a warehouse, and how many of them are reserved. Always true:
--   stock.on_hand  = ledger_opening.on_hand  + sum of on_hand_delta in the ledger
--   stock.reserved = ledger_opening.reserved + sum of reserved_delta in the ledger
--                  = open quantity of the lines of live reservations

create table stock (
  product_id          int not null references products,
  warehouse_id        int not null references warehouses,
  on_hand             int not null default 0,
  reserved            int not null default 0,
  available           int not null generated always as (on_hand - reserved) stored,
  low_stock_threshold int not null default 0 check (low_stock_threshold >= 0),
  -- More than this on hand is too much; null: there is no such limit.
  overstock_threshold int check (overstock_threshold >= 0),
  -- The row keeps its thresholds when a default changes.
  own_thresholds      boolean not null default false,
  primary key (product_id, warehouse_id),
  constraint stock_on_hand_not_negative check (on_hand >= 0),
  constraint stock_reserved_not_negative check (reserved >= 0),
  constraint stock_on_hand_covers_reserved check (on_hand >= reserved)
) with (fillfactor = 70);
-- No index on a column that changes: every update stays HOT and touches one page.
