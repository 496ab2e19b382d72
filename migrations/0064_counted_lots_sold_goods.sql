-- A count tells of each lot of its place: a later absolute number of one of them supersedes what was counted of that lot, and nothing else.
alter table count_line_lots add column superseded boolean not null default false;

-- GET /cost-of-goods-sold and its shipments: what left for customers, by time. The indexes of the months are made in the next part; a month
-- that is made from now on has its own.
create index inventory_transactions_sold on only inventory_transactions (at, id) where kind in ('ship', 'ship_late');
