import { newId } from '../../platform/ids';
import {
  capture,
  carry,
  compensate,
  orderOf,
  PAYMENT,
  placePaid,
  viewOf,
  type OrderShop,
} from '../db/support';
import type { Defects, Harness } from './defect';
import { entry } from './stock-defects';

/** A parcel that waits to be booked, held by an amendment of this state and stage, or by one that is gone. */
export async function plantHeld(
  shop: OrderShop,
  sql: Harness['sql'],
  amendment: { state: string; stage?: string } | null,
): Promise<void> {
  const { orderId } = await placePaid(shop);
  const by = newId();
  await sql(`update shipments set held_by = '${by}' where order_id = '${orderId}'`);
  if (amendment)
    await sql(
      `insert into order_amendments (id, order_id, items, state, stage)
       values ('${by}', '${orderId}', '[]', '${amendment.state}', ${amendment.stage ? `'${amendment.stage}'` : 'null'})`,
    );
  await sql('delete from outbox');
}

/** Units that come in where some of the product are, and are given to nobody. */
function bringIn(units: number, sku: string, sql: Harness['sql']): Promise<void> {
  const at = `product_id = (select id from products where sku = '${sku}') and on_hand > 0`;
  return sql(...entry('adjust', units, { at }), `update stock set on_hand = on_hand + ${units} where ${at}`);
}

/** Of orders, their parcels and payments, in a shop that is opened later. */
export function orderDefects(shop: () => OrderShop): Defects {
  /** A unit that left with a parcel after it was voided, while another order keeps the only one that is there. Returns its SKU. */
  async function leaveAfterStop(): Promise<string> {
    const sku = await shop().product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 }, { payment: PAYMENT });
    const { orderId } = order;
    await shop().place(order);
    await capture(shop().db, orderId);
    await compensate(shop().db, orderId, 'all');
    await shop().place(orderOf({ [sku]: 1 }));
    const [shipment] = (await viewOf(shop().db, orderId)).shipments;
    if (!shipment) throw new Error('no shipment was made');
    await carry(shop().db, shipment.id, 'picked_up');
    await shop().db.pool.query('delete from outbox');
    return sku;
  }

  return {
    'an item that is owed more than its reservations hold': {
      found: ['order_items_holds'],
      details: { reserved: 3, held: 2 },
      repaired: false,
      plant: ({ orderId, sql }) =>
        sql(`update order_items set reserved_quantity = 3, quantity = 3 where order_id = '${orderId}'`),
    },
    'a place in the queue that was lost': {
      found: ['order_backorders'],
      details: { backordered: 1, waiting: 0 },
      repaired: false,
      plant: ({ orderId, sql }) =>
        sql(`update order_items set backordered_quantity = 1, quantity = 3 where order_id = '${orderId}'`),
    },
    'units that came in past those who wait for them': {
      found: ['free_beside_waiting'],
      details: { free: 4, waiting: 3, kept: 0 },
      repaired: true,
      plant: async ({ sql }) => {
        const sku = await shop().product({ AMS: 2 });
        await shop().place(orderOf({ [sku]: 5 }, { fulfilment: 'backorder' }));
        await bringIn(4, sku, sql);
      },
    },
    'goods that left with a stopped parcel and are counted nowhere': {
      found: ['late_shipments'],
      details: { packed: 1, gone: null, open: null },
      repaired: false,
      plant: async ({ sql }) => {
        await leaveAfterStop();
        await sql('delete from stock_shortfalls');
      },
    },
    'goods that left with a stopped parcel and that no entry of the ledger took': {
      found: ['late_shipments'],
      details: { packed: 1, gone: 1, open: 0, ledger: 0 },
      repaired: false,
      plant: async ({ sql }) => {
        await leaveAfterStop();
        await sql('update stock_shortfalls set open = 0');
      },
    },
    'units that came in past a shortfall of their place': {
      found: ['late_shipments'],
      details: { free: 4, short: 1 },
      repaired: false,
      plant: async ({ sql }) => {
        const sku = await leaveAfterStop();
        await bringIn(4, sku, sql);
      },
    },
    'a parcel that is held by an amendment that is over': {
      found: ['held_shipments'],
      details: { state: 'done' },
      repaired: true,
      plant: ({ sql }) => plantHeld(shop(), sql, { state: 'done' }),
    },
    'a parcel that is held by an amendment that was put off': {
      found: ['held_shipments'],
      details: { state: null },
      repaired: true,
      plant: ({ sql }) => plantHeld(shop(), sql, null),
    },
    'an event that is gone': {
      found: ['order_events'],
      details: { expected: 2, found: 1 },
      repaired: false,
      plant: ({ orderId, sql }) => sql(`delete from order_events where order_id = '${orderId}' and seq = 1`),
    },
    'a shipment that says less than its order': {
      found: ['order_shipments', 'order_payments'],
      details: { fulfilled: 1, shipped: 0 },
      repaired: false,
      plant: ({ shippedId, sql }) =>
        sql(
          `update shipments set status = 'voided' where order_id = '${shippedId}'`,
          `update orders set updated_at = updated_at - interval '1 day' where id = '${shippedId}'`,
        ),
    },
    'a refund that the payment does not know': {
      found: ['order_payments'],
      details: { why: 'refunds_differ', refundedMinor: 0, refundsMinor: 100 },
      repaired: false,
      plant: ({ shippedId, sql }) =>
        sql(
          `insert into refunds (id, payment_id, order_id, amount_minor, reason, status)
           select '${newId()}', id, order_id, 100, 'by hand', 'succeeded' from payments where order_id = '${shippedId}'`,
        ),
    },
    'money of a payment that is set aside for no refund': {
      found: ['order_payments'],
      details: { why: 'refunds_differ', plannedMinor: 100, plannedRefundsMinor: 0 },
      repaired: false,
      plant: ({ shippedId, sql }) =>
        sql(`update payments set refund_planned_minor = 100 where order_id = '${shippedId}'`),
    },
    'a parcel that left although all of its price went back': {
      found: ['order_payments', 'money_ledger'],
      details: { why: 'kept', amountMinor: 1_000, refundedMinor: 1_000, shippedMinor: 1_000 },
      repaired: false,
      plant: ({ shippedId, sql }) =>
        sql(
          `insert into refunds (id, payment_id, order_id, amount_minor, reason, status, origin, origin_id)
           select '${newId()}', id, order_id, 1000, 'cancelled', 'succeeded', 'shipment', '${newId()}' from payments
           where order_id = '${shippedId}'`,
          `update payments set refund_planned_minor = 1000, refunded_minor = 1000, status = 'refunded' where order_id = '${shippedId}'`,
          `update orders set updated_at = updated_at - interval '1 day' where id = '${shippedId}'`,
        ),
    },
    'a payment that was captured and does not say how much': {
      found: ['order_payments', 'money_ledger'],
      details: { why: 'not_counted', amountMinor: 1_000 },
      repaired: false,
      plant: ({ shippedId, sql }) =>
        sql(
          'alter table payments disable trigger payments_captured_whole',
          `update payments set capture_planned_minor = 0, captured_minor = 0 where order_id = '${shippedId}'`,
          'alter table payments enable trigger payments_captured_whole',
        ),
    },
    'an order that is fulfilled and was never paid': {
      found: ['order_payments'],
      details: { why: 'unpaid' },
      repaired: false,
      plant: ({ shippedId, sql }) =>
        sql(`update payments set status = 'declined' where order_id = '${shippedId}'`),
    },
  };
}
