import { execute, type Transaction } from '../../../platform/database/database';

/** Units of a product that an order waits for. */
export interface NewBackorder {
  orderId: string;
  productId: number;
  quantity: number;
}

export function insertBackorders(tx: Transaction, backorders: readonly NewBackorder[]): Promise<number> {
  return execute(
    tx,
    'orders.insert_backorders',
    `insert into backorders (product_id, order_id, quantity, waiting)
     select product_id, order_id, quantity, quantity
     from unnest($1::int[], $2::uuid[], $3::int[]) with ordinality as b (product_id, order_id, quantity, n) order by n`,
    [backorders.map((b) => b.productId), backorders.map((b) => b.orderId), backorders.map((b) => b.quantity)],
  );
}
