import { literals } from '../../../platform/database/literals';
import { UNBOOKED_SHIPMENT_STATUSES } from '../../fulfilment/types';
import { TRANSFER_LEDGER_KINDS } from '../../stock/ledger/types';
import { NAMES, PLACE } from './place-subject';
import { NOT_HOLDING } from '../held-sql';
import type { SqlCheck } from '../types';

/** Tried this often, a message is not merely late. */
const MANY_ATTEMPTS = 5;

/** Constraints and triggers that keep the numbers right by themselves: kind, table, name. */
const GUARDS = `(values
  ('constraint', 'stock', 'stock_on_hand_not_negative'),
  ('constraint', 'stock', 'stock_reserved_not_negative'),
  ('constraint', 'stock', 'stock_on_hand_covers_reserved'),
  ('constraint', 'reservation_lines', 'reservation_lines_open_within_quantity'),
  ('constraint', 'stock_shortfalls', 'stock_shortfalls_open_within_quantity'),
  ('constraint', 'order_items', 'order_items_every_unit_accounted'),
  ('constraint', 'payments', 'refunds_within_capture'),
  ('trigger', 'inventory_transactions', 'inventory_transactions_append_only'),
  ('trigger', 'inventory_transactions', 'inventory_transactions_no_truncate'),
  ('trigger', 'inventory_transactions', 'inventory_transactions_keys'),
  ('trigger', 'inventory_transactions', 'inventory_transactions_tracked_units'),
  ('trigger', 'ledger_keys', 'ledger_keys_append_only'),
  ('trigger', 'ledger_keys', 'ledger_keys_no_truncate'),
  ('trigger', 'ledger_seals', 'ledger_seals_append_only'),
  ('trigger', 'ledger_seals', 'ledger_seals_no_truncate'),
  ('trigger', 'ledger_seal_parts', 'ledger_seal_parts_append_only'),
  ('trigger', 'ledger_seal_parts', 'ledger_seal_parts_no_truncate'),
  ('trigger', 'ledger_folds', 'ledger_folds_append_only'),
  ('trigger', 'ledger_folds', 'ledger_folds_no_truncate'),
  ('trigger', 'money_ledger', 'money_ledger_append_only'),
  ('trigger', 'money_ledger', 'money_ledger_no_truncate'),
  ('trigger', 'money_seals', 'money_seals_append_only'),
  ('trigger', 'money_seals', 'money_seals_no_truncate'),
  ('trigger', 'lot_movements', 'lot_movements_append_only'),
  ('trigger', 'serial_movements', 'serial_movements_append_only'),
  ('constraint', 'lots', 'lots_held_within_quantity'),
  ('constraint', 'quality_holds', 'quality_holds_every_unit_accounted'),
  ('trigger', 'order_events', 'order_events_append_only')) as g (kind, of_table, name)`;

/** What moves between places and parts of the system, and what keeps it all in bounds. */
export const FLOW_CHECKS: readonly SqlCheck[] = [
  {
    id: 'guards',
    title: 'The constraints and triggers that keep the numbers right are in force',
    severity: 'critical',
    finding: 'A guard: kind (constraint, trigger), table, name, state (missing, disabled, not valid)',
    repair: 'A disabled trigger is enabled, a constraint validated. A missing one is for a person.',
    statement: () => ({
      name: 'consistency.guards',
      text: `with guard as (
          select * from ${GUARDS}
          -- Each partition of the ledger has its own, which may be disabled alone.
          union
          select 'trigger', i.inhrelid::regclass::text, e.name from pg_inherits i,
            (values ('inventory_transactions_append_only'), ('no_truncate'), ('keys')) as e (name)
          where i.inhparent = 'inventory_transactions'::regclass
        )
        select g.kind || ':' || g.of_table || '.' || g.name as subject,
          jsonb_build_object('kind', g.kind, 'table', g.of_table, 'name', g.name, 'state', state) as details
        from guard g
        left join pg_constraint c on g.kind = 'constraint' and c.conrelid = to_regclass(g.of_table) and c.conname = g.name
        left join pg_trigger t on g.kind = 'trigger' and t.tgrelid = to_regclass(g.of_table) and t.tgname = g.name
        cross join lateral (select case
          when c.oid is null and t.oid is null then 'missing'
          when t.tgenabled not in ('O', 'A') then 'disabled'
          when not c.convalidated then 'not valid' end as state) s
        where state is not null order by 1`,
    }),
  },
  {
    id: 'late_shipments',
    title: 'What left with parcels after they were stopped is counted as gone',
    severity: 'error',
    finding:
      'A shipment and product: shipmentId, sku, packed (units in it), gone (units that are noted), open (of them, not yet taken off the counters), ledger (units that it took); or a stock row: free (units that nobody has reserved), short (units that have left it)',
    repair:
      'For a person: count the place, then adjust it. What a place is short of is taken when anything becomes available there.',
    statement: () => ({
      name: 'consistency.late_shipments',
      // The ledger is indexed by place: each shortfall looks at its own, from its own time on, within the retention's horizon.
      text: `with late as (
          select s.id as shipment_id, i.product_id, i.sku, i.quantity as packed
          from shipments s join shipment_items i on i.shipment_id = s.id where s.left_after_stop_at is not null
        )
        select 'shipment:' || shipment_id || ':' || coalesce(l.sku, product_id::text) as subject,
          jsonb_build_object('shipmentId', shipment_id, 'sku', l.sku, 'packed', l.packed, 'gone', f.quantity, 'open', f.open,
                             'ledger', e.units) as details
        from late l full join stock_shortfalls f using (shipment_id, product_id)
        cross join lateral (
          select coalesce(-sum(t.on_hand_delta), 0) as units from inventory_transactions t
          where t.product_id = f.product_id and t.warehouse_id = f.warehouse_id and t.at >= f.created_at - interval '1 minute'
            and t.kind = 'ship_late' and t.reference = 'shipment:' || shipment_id) e
        where l.packed is distinct from f.quantity
          or (f.quantity - f.open <> e.units
              and f.created_at >= coalesce((select max(upper_bound) from ledger_folds), '-infinity'))
        union all
        select ${PLACE},
          jsonb_build_object('productId', d.product_id, 'warehouseId', d.warehouse_id, 'free', d.on_hand - d.reserved, 'short', f.open)
        from (select product_id, warehouse_id, sum(open) as open from stock_shortfalls where open > 0 group by 1, 2) f
        join stock d using (product_id, warehouse_id) ${NAMES}
        where d.on_hand > d.reserved
        order by 1`,
    }),
  },
  {
    id: 'held_shipments',
    title: 'A parcel is held only by an amendment of its order that is under way',
    severity: 'error',
    finding:
      'A shipment that is never booked: shipmentId, orderId, heldBy (the amendment), state (of it: done, refused; open: not begun; null: it is gone or of another order)',
    repair: 'It is no longer held, and booked.',
    statement: () => ({
      name: 'consistency.held_shipments',
      // Of those that wait to be booked, which an index has: what is held otherwise is never booked anyway.
      text: `select 'shipment:' || s.id as subject,
          jsonb_build_object('shipmentId', s.id, 'orderId', s.order_id, 'heldBy', s.held_by, 'state', a.state) as details
        from shipments s left join order_amendments a on a.id = s.held_by and a.order_id = s.order_id
        where s.status in ${literals(UNBOOKED_SHIPMENT_STATUSES)} and s.held_by is not null and ${NOT_HOLDING} order by s.id`,
    }),
  },
  {
    id: 'transfers_lost_units',
    title: 'Every unit that a transfer took arrived, is on its way, is back or was written down as lost',
    severity: 'error',
    finding:
      'A transfer: transferId, open (by the transfer), ledger (units that left minus units that arrived)',
    repair: 'For a person: count both places, then adjust.',
    statement: ({ since }) => ({
      name: 'consistency.transfers_lost_units',
      // The ledger is indexed by place, not by reference: each transfer looks at its own places, from its own time on. What it
      // did before the retention's horizon is no longer known.
      text: `select 'transfer:' || t.id as subject,
          jsonb_build_object('transferId', t.id, 'open', t.open, 'ledger', -l.units, 'status', t.status) as details
        from transfers t
        cross join lateral (
          select coalesce(sum(e.on_hand_delta), 0) as units from inventory_transactions e
          where e.product_id = t.product_id and e.warehouse_id in (t.source_id, t.target_id)
            and e.at >= t.created_at - interval '1 minute'
            and e.kind in ${literals(TRANSFER_LEDGER_KINDS)} and e.reference = 'transfer:' || t.id) l
        where ($1::timestamptz is null or t.updated_at >= $1) and t.open <> -l.units
          and t.created_at >= coalesce((select max(upper_bound) from ledger_folds), '-infinity')
        order by t.id`,
      values: [since],
    }),
  },
  {
    id: 'outbox_stuck',
    title: 'Messages between the parts of the system arrive',
    severity: 'warning',
    finding: 'A message: outboxId, topic, key, attempts, createdAt, availableAt',
    repair: 'It is made ready at once. Should it get stuck again, the log of the worker says why.',
    statement: ({ graceSeconds }) => ({
      name: 'consistency.outbox_stuck',
      text: `select 'outbox:' || id as subject,
          jsonb_build_object('outboxId', id, 'topic', topic, 'key', key, 'attempts', attempts, 'createdAt', created_at,
                             'availableAt', available_at) as details
        from outbox
        where created_at < statement_timestamp() - make_interval(secs => $1)
          and (attempts >= ${MANY_ATTEMPTS} or available_at < statement_timestamp() - make_interval(secs => $1))
        order by id`,
      values: [graceSeconds],
    }),
  },
];
