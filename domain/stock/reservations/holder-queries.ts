import { many, type Transaction } from '../../../platform/database/database';
import { literals } from '../../../platform/database/literals';
import type { StockKey } from '../ledger/types';
import { LIVE_RESERVATION_STATUSES, type ReservedUnits } from './types';

/**
 * Every reservation has an entry in the ledger of each stock row that it takes units of. The ledger has an index by stock row; one
 * of the lines by stock row would cost every reservation that is made.
 */
export function selectReservedUnits(
  tx: Transaction,
  keys: readonly StockKey[],
): Promise<(ReservedUnits & StockKey & { count: number })[]> {
  return many<ReservedUnits & StockKey & { count: number }>(
    tx,
    'reservations.of_stock_rows',
    `select k.product_id as "productId", k.warehouse_id as "warehouseId", h.*
     from unnest($1::int[], $2::int[]) as k (product_id, warehouse_id)
     cross join lateral (
       select r.id as "reservationId", r.order_id as "orderId", r.kind, r.status, l.open_quantity as quantity, count(*) over ()::int as count
       from (select distinct e.reservation_id
             from (select t.reservation_id from inventory_transactions t
                   where t.product_id = k.product_id and t.warehouse_id = k.warehouse_id and t.at < now() + interval '1 day'
                   order by t.at desc limit 20000) e
             where e.reservation_id is not null) e
       join reservation_lines l on l.reservation_id = e.reservation_id and l.product_id = k.product_id
         and l.warehouse_id = k.warehouse_id and l.open_quantity > 0
       join reservations r on r.id = l.reservation_id
       where r.status in ${literals(LIVE_RESERVATION_STATUSES)}
       order by r.status = 'confirmed', r.created_at desc limit 100) h`,
    [keys.map((k) => k.productId), keys.map((k) => k.warehouseId)],
  );
}
