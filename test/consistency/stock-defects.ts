import { newId } from '../../platform/ids';
import type { Defects } from './defect';

const STOCK_HERE = `product_id = (select min(product_id) from stock) and warehouse_id = (select id from warehouses where code = 'AMS')`;

/** Writes units into the ledger, at the stock rows that are `at`, and changes no counter. */
export function entry(
  kind: 'adjust' | 'reserve',
  units: number,
  { at = STOCK_HERE, effectId = newId() }: { at?: string; effectId?: string } = {},
): string[] {
  const deltas = kind === 'adjust' ? `${units}, 0` : `0, ${units}`;
  return [
    `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select product_id, warehouse_id, '${kind}', ${deltas}, '${effectId}' from stock where ${at}`,
    `insert into ledger_keys values ('${kind}:${effectId}')`,
  ];
}

/** Of counters, their ledger, reservations and transfers. */
export const STOCK_DEFECTS: Defects = {
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
    plant: ({ sql }) => sql(...entry('adjust', 5)),
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
      sql(`update stock set reserved = reserved + 2 where ${STOCK_HERE}`, ...entry('reserve', 2)),
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
        ...entry('reserve', 3, { effectId: id }),
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
        ...entry('reserve', 2, { effectId: id }),
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
};
