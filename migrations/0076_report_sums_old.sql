-- Sales of months that the stock ledger has dropped are nowhere else. What their units cost is known no more.
insert into report_quarters
select r.bucket, r.warehouse_id, coalesce(r.merchant_id, p.merchant_id), r.currency, sum(r.units), sum(r.sales_minor), sum(r.returned_units),
  sum(r.returned_minor), 0, 0, 0, 0, 0, 0, sum(r.units)
from report_sales r join products p on p.id = r.product_id where r.bucket < (select max(upper_bound) from ledger_folds)
group by 1, 2, 3, 4;
insert into report_products
select m.minutes, date_bin(make_interval(mins => m.minutes), r.bucket, timestamptz '2000-01-01 00:00:00+00'), r.product_id, r.currency, sum(r.units),
  sum(r.sales_minor), sum(r.returned_units), sum(r.returned_minor), 0, 0, 0, 0, 0, 0, sum(r.units)
from report_sales r cross join (values (15), (180), (1440)) m (minutes) where r.bucket < (select max(upper_bound) from ledger_folds)
group by 1, 2, 3, 4;
