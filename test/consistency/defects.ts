import type { OrderShop } from '../db/support';
import type { Defects } from './defect';
import { orderDefects } from './order-defects';
import { STOCK_DEFECTS } from './stock-defects';

/** Of sums, messages, triggers and constraints. */
const OTHER_DEFECTS: Defects = {
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

/** Every defect that a check is to find, in a shop that is opened later. */
export function defectsOf(shop: () => OrderShop): Defects {
  return { ...STOCK_DEFECTS, ...orderDefects(shop), ...OTHER_DEFECTS };
}
