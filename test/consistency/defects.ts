import type { CheckId } from '../../domain/assurance/types';
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

export interface Defect {
  /** Checks that see it: the same wrong counter may be wrong in more than one way. */
  found: CheckId[];
  /** What the one finding of the first check is about. */
  details: Record<string, unknown>;
  repaired: boolean;
  /** Plants it. */
  plant(harness: Harness): Promise<void>;
}

export interface Harness {
  sku: string;
  /** Of an unpaid order of 2 units from AMS. */
  orderId: string;
  reservationId: string;
  /** Of a paid order of 1 unit that was picked up. */
  shippedId: string;
  sql(...statements: string[]): Promise<void>;
}

const STOCK_HERE = `product_id = (select min(product_id) from stock) and warehouse_id = (select id from warehouses where code = 'AMS')`;

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

/** Every defect that a check is to find, by its name, in a shop that is opened later. */
export function defectsOf(shop: () => OrderShop): Readonly<Record<string, Defect>> {
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
    'a counter of units on hand that was changed by hand': {
      found: ['on_hand_ledger'],
      details: { counter: 12, ledger: 9 },
      repaired: true,
      plant: ({ sql }) => sql(`update stock set on_hand = on_hand + 3 where ${STOCK_HERE}`),
    },
    'a counter of units on hand that fell below what is reserved': {
      found: ['on_hand_ledger', 'phantom_stock', 'guards'],
      details: { counter: 1, ledger: 9 },
      repaired: true,
      plant: ({ sql }) =>
        sql(
          'alter table stock drop constraint stock_on_hand_covers_reserved',
          `update stock set on_hand = 1 where ${STOCK_HERE}`,
          'alter table stock add constraint stock_on_hand_covers_reserved check (on_hand >= reserved) not valid',
        ),
    },
    'an entry of the ledger that changed no counter': {
      found: ['on_hand_ledger'],
      details: { counter: 9, ledger: 14 },
      repaired: true,
      plant: ({ sql }) =>
        sql(
          `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
           select product_id, warehouse_id, 'adjust', 5, 0, '6f1c1e0c-0000-4000-8000-000000000001' from stock where ${STOCK_HERE}`,
          `insert into ledger_keys values ('adjust:6f1c1e0c-0000-4000-8000-000000000001')`,
        ),
    },
    'a counter of reserved units that drifted from ledger and reservations': {
      found: ['reserved_ledger', 'reserved_holds'],
      details: { counter: 5, ledger: 2 },
      repaired: true,
      plant: ({ sql }) => sql(`update stock set reserved = reserved + 3 where ${STOCK_HERE}`),
    },
    'a reservation that ended without giving its units back': {
      found: ['reserved_holds'],
      details: { counter: 4, held: 2 },
      repaired: true,
      plant: ({ sql }) =>
        sql(
          `update stock set reserved = reserved + 2 where ${STOCK_HERE}`,
          `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
           select product_id, warehouse_id, 'reserve', 0, 2, '6f1c1e0c-0000-4000-8000-000000000002' from stock where ${STOCK_HERE}`,
          `insert into ledger_keys values ('reserve:6f1c1e0c-0000-4000-8000-000000000002')`,
        ),
    },
    'an order reservation without an order': {
      found: ['orphaned_holds'],
      details: { why: 'no_order' },
      repaired: true,
      plant: ({ orderId, sql }) =>
        sql(
          `delete from orders where id = '${orderId}'`,
          `delete from order_items where order_id = '${orderId}'`,
          `delete from order_events where order_id = '${orderId}'`,
        ),
    },
    'a live reservation of an order that ended': {
      found: ['orphaned_holds', 'order_ended_units'],
      details: { why: 'order_ended' },
      repaired: true,
      plant: ({ orderId, sql }) => sql(`update orders set status = 'cancelled' where id = '${orderId}'`),
    },
    'a reservation without an order that is long past due': {
      found: ['orphaned_holds'],
      details: { why: 'past_due', kind: 'hold' },
      repaired: true,
      plant: async ({ sql }) => {
        const id = newId();
        await sql(
          `insert into reservations (id, kind, status, expires_at) values ('${id}', 'hold', 'pending', now() - interval '1 hour')`,
          `insert into reservation_lines select '${id}', product_id, warehouse_id, 3, 3 from stock where ${STOCK_HERE}`,
          `update stock set reserved = reserved + 3 where ${STOCK_HERE}`,
          `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
           select product_id, warehouse_id, 'reserve', 0, 3, '${id}' from stock where ${STOCK_HERE}`,
          `insert into ledger_keys values ('reserve:${id}')`,
        );
      },
    },
    'a reservation that ended and still shows open units': {
      found: ['ended_holds'],
      details: { status: 'expired', units: 4 },
      repaired: true,
      plant: async ({ sql }) => {
        const id = newId();
        await sql(
          `insert into reservations (id, kind, status, expires_at) values ('${id}', 'hold', 'expired', now())`,
          `insert into reservation_lines select '${id}', product_id, warehouse_id, 4, 4 from stock where ${STOCK_HERE}`,
        );
      },
    },
    'a confirmed reservation without an order that nobody ships': {
      found: ['confirmed_holds'],
      details: { reference: 'cart 7', units: 2 },
      repaired: false,
      plant: async ({ sql }) => {
        const id = newId();
        await sql(
          `insert into reservations (id, kind, status, expires_at, own_reference, updated_at)
           values ('${id}', 'hold', 'confirmed', now(), 'cart 7', now() - interval '31 days')`,
          `insert into reservation_lines select '${id}', product_id, warehouse_id, 2, 2 from stock where ${STOCK_HERE}`,
          `update stock set reserved = reserved + 2 where ${STOCK_HERE}`,
          `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
           select product_id, warehouse_id, 'reserve', 0, 2, '${id}' from stock where ${STOCK_HERE}`,
          `insert into ledger_keys values ('reserve:${id}')`,
        );
      },
    },
    'lines without a reservation': {
      found: ['lines_without_hold'],
      details: { units: 4 },
      repaired: true,
      plant: ({ sql }) =>
        sql(
          `insert into reservation_lines select '${newId()}', product_id, warehouse_id, 4, 4 from stock where ${STOCK_HERE}`,
        ),
    },
    'an effect that nothing remembers': {
      found: ['ledger_keys'],
      details: {},
      repaired: true,
      plant: ({ orderId, sql }) =>
        sql(
          `delete from ledger_keys where key = (select 'reserve:' || effect_id from inventory_transactions where order_id = '${orderId}')`,
        ),
    },
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
        const id = newId();
        const here = `product_id = (select id from products where sku = '${sku}') and on_hand > 0`;
        await sql(
          `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
           select product_id, warehouse_id, 'adjust', 4, 0, '${id}' from stock where ${here}`,
          `insert into ledger_keys values ('adjust:${id}')`,
          `update stock set on_hand = on_hand + 4 where ${here}`,
        );
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
        const id = newId();
        const here = `product_id = (select id from products where sku = '${sku}') and on_hand > 0`;
        await sql(
          `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
           select product_id, warehouse_id, 'adjust', 4, 0, '${id}' from stock where ${here}`,
          `insert into ledger_keys values ('adjust:${id}')`,
          `update stock set on_hand = on_hand + 4 where ${here}`,
        );
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
    'a sum of reports that is not what histories have': {
      found: ['report_sums'],
      details: { type: 'order_placed', count: -5 },
      repaired: false,
      plant: ({ sql }) =>
        sql(
          `insert into report_orders (bucket, type, count) values ('2026-01-01T00:00:00Z', 'order_placed', 5)`,
        ),
    },
    'a sum of analytics that is not what the ledger has': {
      found: ['analytics_sums'],
      details: { received_units: -5 },
      repaired: false,
      plant: ({ sql }) =>
        sql(
          `insert into analytics_category_hours (hour, category_id, warehouse_id, currency, received_units)
           values ('2026-01-01T00:00:00Z', 0, 1, 'XXX', 5)`,
        ),
    },
    'an order that is fulfilled and was never paid': {
      found: ['order_payments'],
      details: { why: 'unpaid' },
      repaired: false,
      plant: ({ shippedId, sql }) =>
        sql(`update payments set status = 'declined' where order_id = '${shippedId}'`),
    },
    'a transfer that lost units': {
      found: ['transfers_lost_units'],
      details: { open: 4, ledger: 0 },
      repaired: false,
      plant: ({ sql }) =>
        sql(
          `insert into transfers (id, product_id, source_id, target_id, mode, status, quantity, actor, expected_at)
           select '${newId()}', (select min(product_id) from stock), min(id), max(id), 'in_transit', 'in_transit', 4, 'test', now() from warehouses`,
        ),
    },
    'a message that nobody can deliver': {
      found: ['outbox_stuck'],
      details: { topic: 'order.wake', attempts: 12 },
      repaired: true,
      plant: ({ sql }) =>
        sql(
          `insert into outbox (topic, key, attempts, created_at, available_at)
           values ('order.wake', 'nobody', 12, now() - interval '1 hour', now() + interval '1 minute')`,
        ),
    },
    'an append-only trigger that was disabled': {
      found: ['guards'],
      details: { name: 'ledger_keys_append_only', state: 'disabled' },
      repaired: true,
      plant: ({ sql }) => sql('alter table ledger_keys disable trigger ledger_keys_append_only'),
    },
    'a trigger of one partition that was disabled': {
      found: ['guards'],
      details: { name: 'inventory_transactions_append_only', state: 'disabled' },
      repaired: true,
      plant: ({ sql }) =>
        sql(
          `do $$ begin execute format('alter table %s disable trigger inventory_transactions_append_only',
             (select min(inhrelid::regclass::text) from pg_inherits where inhparent = 'inventory_transactions'::regclass)); end $$`,
        ),
    },
    'a constraint that was dropped': {
      found: ['guards'],
      details: { name: 'stock_on_hand_not_negative', state: 'missing' },
      repaired: false,
      plant: ({ sql }) => sql('alter table stock drop constraint stock_on_hand_not_negative'),
    },
  };
}
