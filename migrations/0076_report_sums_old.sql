-- Sales of months that the stock ledger has dropped are nowhere else. What their units cost is known no more.
insert into report_sums
select d.dimension, m.minutes, date_bin(make_interval(mins => m.minutes), r.bucket, timestamptz '2000-01-01 00:00:00+00'),
  case d.dimension when 'product' then r.product_id when 'warehouse' then r.warehouse_id when 'merchant' then coalesce(r.merchant_id, p.merchant_id) end,
  r.currency, sum(r.units), sum(r.sales_minor), sum(r.returned_units), sum(r.returned_minor), 0, 0, 0, 0, 0, 0, sum(r.units)
from report_sales r join products p on p.id = r.product_id
cross join (values (15), (180), (1440)) m (minutes) cross join (values ('all'), ('merchant'), ('product'), ('warehouse')) d (dimension)
where r.bucket < (select max(upper_bound) from ledger_folds) and (d.dimension <> 'all' or m.minutes = 15)
group by 1, 2, 3, 4, 5;
