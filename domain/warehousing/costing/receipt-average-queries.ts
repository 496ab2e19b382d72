import { execute, many, type Transaction } from '../../../platform/database/database';

export function insertReceiptAverages(
  tx: Transaction,
  receiptId: string,
  productIds: readonly number[],
): Promise<number> {
  return execute(
    tx,
    'costing.insert_receipt_averages',
    `insert into receipt_averages (receipt_id, product_id, average_before, base_units)
     select $1, c.product_id, c.average_minor, case when c.average_minor is null then 0
       else (select coalesce(sum(s.on_hand), 0) from stock s where s.product_id = c.product_id) end
     from product_costs c where c.product_id = any ($2::int[]) order by c.product_id`,
    [receiptId, productIds],
  );
}

export function updateAveragesAfter(
  tx: Transaction,
  receiptId: string,
  productIds: readonly number[],
): Promise<number> {
  return execute(
    tx,
    'costing.update_averages_after',
    `update receipt_averages a set average_after = c.average_minor from product_costs c
     where a.receipt_id = $1 and a.product_id = any ($2::int[]) and c.product_id = a.product_id`,
    [receiptId, productIds],
  );
}

/**
 * Where nothing has changed the average of a product since this receipt: what the average before it and the receipt as it is now make.
 * Returns those products.
 */
export async function restoreAverages(
  tx: Transaction,
  receiptId: string,
  productIds: readonly number[],
): Promise<number[]> {
  const found = await many<{ productId: number }>(
    tx,
    'costing.restore_averages',
    `with unchanged as (
       select a.product_id, a.average_before, a.base_units, l.units, l.value
       from receipt_averages a join product_costs c on c.product_id = a.product_id and c.average_minor is not distinct from a.average_after
       cross join lateral (
         select coalesce(sum(quantity), 0) as units, coalesce(sum(quantity * unit_cost_minor::numeric), 0) as value from receipt_lines l
         where l.receipt_id = a.receipt_id and l.product_id = a.product_id and l.unit_cost_minor is not null) l
       where a.receipt_id = $1 and a.product_id = any ($2::int[])
         and not exists (select from receipt_averages n where n.product_id = a.product_id and n.seq > a.seq)
     ), restored as (
       update product_costs c set average_minor = case when u.units = 0 then u.average_before
         else (coalesce(u.average_before, 0) * u.base_units + u.value) / (u.base_units + u.units) end
       from unchanged u where u.product_id = c.product_id
       returning c.product_id, c.average_minor
     ), noted as (
       update receipt_averages a set average_after = r.average_minor from restored r
       where a.receipt_id = $1 and a.product_id = r.product_id
     )
     select product_id as "productId" from restored`,
    [receiptId, productIds],
  );
  return found.map(({ productId }) => productId);
}

/** What a receipt brings more, or less, of a product with a cost. */
export interface CostChange {
  productId: number;
  /** Signed. */
  quantity: number;
  /** Minor units, signed. */
  valueMinor: bigint;
}

/** Units and cost are added to what is on hand, at the average of now. Where nothing is left the average stays. */
export function applyToAverages(tx: Transaction, changes: readonly CostChange[]): Promise<number> {
  return execute(
    tx,
    'costing.apply_to_averages',
    `update product_costs c
     set average_minor = greatest(0, (coalesce(c.average_minor, 0) * h.units + d.value) / (h.units + d.quantity))
     from unnest($1::int[], $2::bigint[], $3::numeric[]) as d (product_id, quantity, value),
       lateral (select coalesce(sum(s.on_hand), 0) as units from stock s where s.product_id = d.product_id) h
     where c.product_id = d.product_id and h.units + d.quantity > 0`,
    [
      changes.map((c) => c.productId),
      changes.map((c) => c.quantity),
      changes.map((c) => String(c.valueMinor)),
    ],
  );
}
