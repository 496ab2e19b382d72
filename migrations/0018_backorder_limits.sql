-- Units that wait for stock are bounded for each customer: its open backorders are summed when it places another one.
create index orders_waiting_by_customer on orders (customer_id)
  where fulfilment = 'backorder' and status in ('reserved', 'paid', 'fulfilling');

-- Figures that belong to `failure_code`: of BACKORDER_LIMIT, the limit and how many units wait.
alter table orders add column failure_details jsonb not null default '{}';
