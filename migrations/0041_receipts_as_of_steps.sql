-- Of steps that were there before the column. In a transaction of its own: who writes receipts waits for no more than a row.

update product_cost_steps s set currency = c.currency
from product_costs c where c.product_id = s.product_id and s.currency is null;
