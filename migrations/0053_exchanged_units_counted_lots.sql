-- Lots that were counted before counts noted it in them. In a transaction of its own: who moves lots waits for no more than rows.
-- A count tells of every lot of its place, also of those that it did not find.
update lots l set number_as_of = greatest(l.number_as_of, c.counted_at)
from (
  select n.product_id, s.warehouse_id, max(n.counted_at) as counted_at
  from count_lines n join count_sheets s on s.id = n.sheet_id
  where n.status = 'approved' and (n.counted = 0 or exists (
    select from count_line_lots t where t.sheet_id = n.sheet_id and t.product_id = n.product_id))
  group by 1, 2) c
where l.product_id = c.product_id and l.warehouse_id = c.warehouse_id;
