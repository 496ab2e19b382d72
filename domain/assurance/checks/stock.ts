import { afterPosition } from '../seals/ledger-range';
import { lookedAtValues, placesLookedAt, productsLookedAt, rowOf } from './looked-at';
import { NAMES, PLACE } from './place-subject';
import type { CheckRun, SqlCheck } from '../types';
import { literals } from '../../../platform/database/literals';
import { LIVE_RESERVATION_STATUSES } from '../../stock/reservations/types';

type Counter = 'on_hand' | 'reserved';

function fullDrift(counter: Counter): string {
  return `
    with drift as (
      select product_id, warehouse_id, s.${counter} as counter, coalesce(l.units, 0) + coalesce(o.units, 0) as ledger
      from stock s
      full join (select product_id, warehouse_id, sum(${counter}_delta) as units
                 from inventory_transactions group by 1, 2) l using (product_id, warehouse_id)
      full join (select product_id, warehouse_id, ${counter} as units from ledger_opening) o using (product_id, warehouse_id)
      where coalesce(s.${counter}, 0) <> coalesce(l.units, 0) + coalesce(o.units, 0)
    )`;
}

/** Sums up to the last verified seal are kept, so only later rows of the ledger are read. */
function incrementalDrift(counter: Counter): string {
  return `
    with recent as (
      select t.product_id, t.warehouse_id, sum(t.${counter}_delta) as units
      from inventory_transactions t where ${afterPosition('$1', '$2')} group by 1, 2
    ), looked as (${placesLookedAt(`${counter}_ledger`)}
    ), drift as (
      select k.product_id, k.warehouse_id, s.${counter} as counter, coalesce(c.${counter}, 0) + coalesce(r.units, 0) as ledger
      from looked k
      ${rowOf('stock', 's')}
      ${rowOf('ledger_checkpoint', 'c')}
      left join recent r on r.product_id = k.product_id and r.warehouse_id = k.warehouse_id
      where coalesce(s.${counter}, 0) <> coalesce(c.${counter}, 0) + coalesce(r.units, 0)
    )`;
}

function drift(counter: Counter, run: CheckRun) {
  const { mode } = run;
  return {
    name: `consistency.${counter}_ledger.${mode}`,
    text: `${mode === 'incremental' ? incrementalDrift(counter) : fullDrift(counter)}
      select ${PLACE} as subject,
        jsonb_build_object('productId', d.product_id, 'warehouseId', d.warehouse_id, 'counter', d.counter, 'ledger', d.ledger) as details
      from drift d ${NAMES} order by d.product_id, d.warehouse_id`,
    values: mode === 'incremental' ? lookedAtValues(run) : [],
  };
}

/** Open units of every line that reserves stock. */
const FULL_HELD = `
  select l.product_id, l.warehouse_id, sum(l.open_quantity) as open
  from reservation_lines l join reservations r on r.id = l.reservation_id
  where r.status in ${literals(LIVE_RESERVATION_STATUSES)} and l.open_quantity > 0 group by 1, 2`;

/** The same, reservation by reservation (OFFSET keeps it so): the lines of those that have ended are not read. */
const LIVE_HELD = `
  select l.product_id, l.warehouse_id, sum(l.open_quantity) as open
  from reservations r cross join lateral (
    select * from reservation_lines l where l.reservation_id = r.id and l.open_quantity > 0 offset 0) l
  where r.status in ${literals(LIVE_RESERVATION_STATUSES)} group by 1, 2`;

const fullHolds = `
  with drift as (
    select product_id, warehouse_id, s.reserved as counter, coalesce(h.open, 0) as held
    from stock s full join (${FULL_HELD}) h using (product_id, warehouse_id)
    where coalesce(s.reserved, 0) <> coalesce(h.open, 0))`;

const incrementalHolds = `
  with held as materialized (${LIVE_HELD}
  ), looked as (${placesLookedAt('reserved_holds')}
    union select product_id, warehouse_id from held
  ), drift as (
    select k.product_id, k.warehouse_id, s.reserved as counter, coalesce(h.open, 0) as held
    from looked k
    ${rowOf('stock', 's')}
    left join held h on h.product_id = k.product_id and h.warehouse_id = k.warehouse_id
    where coalesce(s.reserved, 0) <> coalesce(h.open, 0))`;

/** Counters of stock against what explains them. */
export const STOCK_CHECKS: readonly SqlCheck[] = [
  {
    id: 'on_hand_ledger',
    title: 'On hand equals the sum of the ledger',
    severity: 'critical',
    finding:
      'A stock row: counter, ledger (units). A counter of null: the ledger names a place that has no stock row.',
    repair:
      'The ledger is the truth: the counter is set to its sum. Where that is below zero or below what is reserved, it is for a person.',
    statement: (run) => drift('on_hand', run),
  },
  {
    id: 'reserved_ledger',
    title: 'Reserved equals the sum of the ledger',
    severity: 'critical',
    finding: 'A stock row: counter, ledger (units)',
    repair:
      'Live holds are the truth: the counter is set to their open units, and a ledger entry `repair` makes up the difference.',
    statement: (run) => drift('reserved', run),
  },
  {
    id: 'reserved_holds',
    title: 'Reserved equals the open units of live holds',
    severity: 'critical',
    finding: 'A stock row: counter, held (units)',
    repair:
      'The counter is set to the open units of live holds, with a ledger entry `repair`. More held than on hand is for a person.',
    statement: (run) => ({
      name: `consistency.reserved_holds.${run.mode}`,
      text: `${run.mode === 'incremental' ? incrementalHolds : fullHolds}
        select ${PLACE} as subject,
          jsonb_build_object('productId', d.product_id, 'warehouseId', d.warehouse_id, 'counter', d.counter, 'held', d.held) as details
        from drift d ${NAMES} order by d.product_id, d.warehouse_id`,
      values: run.mode === 'incremental' ? lookedAtValues(run) : [],
    }),
  },
  {
    id: 'phantom_stock',
    title: 'No stock is sold that is not there',
    severity: 'critical',
    finding: 'A stock row whose counters its constraints do not allow: onHand, reserved (units)',
    repair:
      'For a person, unless the repair of its counters settles it: count the place, then adjust or cut orders.',
    statement: (run) => ({
      name: `consistency.phantom_stock.${run.mode}`,
      text: `${run.mode === 'incremental' ? `with looked as (${placesLookedAt('phantom_stock')})` : ''}
        select ${PLACE} as subject,
          jsonb_build_object('productId', d.product_id, 'warehouseId', d.warehouse_id, 'onHand', d.on_hand, 'reserved', d.reserved) as details
        from ${run.mode === 'incremental' ? `looked k ${rowOf('stock', 'd')}` : 'stock d'} ${NAMES}
        where d.on_hand < 0 or d.reserved < 0 or d.on_hand < d.reserved
        order by d.product_id, d.warehouse_id`,
      values: run.mode === 'incremental' ? lookedAtValues(run) : [],
    }),
  },
  {
    id: 'free_beside_waiting',
    title: 'No unit is free while a backorder waits for it',
    severity: 'error',
    finding:
      'A stock row: free (units that may be sold), waiting (units that backorders of the product wait for), kept (units that are reserved for them already)',
    repair: 'Free units, as many as are waited for, are kept for the backorders and handed on by the relay.',
    // Orders are placed from active warehouses only: free units elsewhere may stay beside an order that waits. Units that were
    // too many for one transaction are kept by a reservation of kind `allocation`, and are not free.
    // Stock is read by the products that are waited for (OFFSET keeps it so): the planner would rather read the table.
    statement: (run) => ({
      name: `consistency.free_beside_waiting.${run.mode}`,
      text: `with waiting as materialized (
          select product_id, sum(waiting) as units, max(created_at) as newest from backorders where waiting > 0 group by 1
        ), looked as (${
          run.mode === 'incremental'
            ? `select product_id from waiting where newest >= $5::timestamptz union ${productsLookedAt('free_beside_waiting')}`
            : 'select product_id from waiting'
        })
        select ${PLACE} as subject,
          jsonb_build_object('productId', d.product_id, 'warehouseId', d.warehouse_id, 'free', d.available,
                             'waiting', b.units, 'kept', k.units) as details
        from looked join waiting b using (product_id)
        cross join lateral (
          select coalesce(sum(l.open_quantity), 0) as units
          from reservations r join reservation_lines l on l.reservation_id = r.id
          where r.kind = 'allocation' and r.status = 'pending' and l.product_id = b.product_id offset 0) k
        cross join lateral (
          select * from stock s where s.product_id = b.product_id and s.available > 0 offset 0) d ${NAMES}
        where w.active and b.units > k.units
        order by d.product_id, d.warehouse_id`,
      values: run.mode === 'incremental' ? [...lookedAtValues(run), run.since ?? '-infinity'] : [],
    }),
  },
  {
    id: 'ledger_keys',
    title: 'Every effect in the ledger has its key',
    severity: 'error',
    finding: 'An effect that could be applied again, since nothing remembers it: key',
    repair: 'The key is written.',
    statement: ({ mode, summedUp }) => ({
      name: `consistency.ledger_keys.${mode}`,
      text: `select 'effect:' || key as subject, jsonb_build_object('key', key) as details
        from (select distinct t.kind || ':' || t.effect_id as key from inventory_transactions t
              where ${mode === 'full' ? 'true' : afterPosition('$1', '$2')}
                and not exists (select from ledger_keys k where k.key = t.kind || ':' || t.effect_id)) m
        order by 1`,
      values: mode === 'incremental' ? [summedUp.xid, summedUp.id] : [],
    }),
  },
];
