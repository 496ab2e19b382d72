import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import type { OrderShop } from '../db/support';
import { addBookedOrder, CARRIER, update } from '../fulfilment/shipping';
import { withStock } from '../support/stock';

/** What tests of costs do in AMS. `shop` is asked when they do it. */
export function sellingIn(shop: () => OrderShop) {
  const db = () => shop().db;

  /** By PostgreSQL's clock. */
  async function databaseTime(): Promise<string> {
    const { rows } = await db().pool.query<{ at: string }>(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
    );
    return rows[0]?.at ?? '';
  }

  /** A parcel of these units leaves AMS; its id. */
  async function ship(...lines: [sku: string, quantity: number][]): Promise<string> {
    const order = await addBookedOrder(
      db(),
      lines.map(([sku, quantity]) => ({ sku, quantity, warehouse: 'AMS' })),
    );
    const found = await db().pool.query<{ id: string }>('select id from shipments where order_id = $1', [
      order.orderId,
    ]);
    const shipmentId = found.rows[0]?.id;
    if (shipmentId === undefined) throw new Error('nothing was booked');
    await applyCarrierEvents(withStock(db()), CARRIER, [update(shipmentId, 'picked_up')]);
    return shipmentId;
  }

  return { databaseTime, ship };
}
