import { NAMES, PLACE } from './place-subject';
import { lookedAtValues, PRODUCTS_LOOKED_AT } from './looked-at';
import type { CheckRun, SqlCheck } from '../types';

/** An incremental run looks at some products only: `looked` and a condition on `product_id`. */
function part(check: string, run: CheckRun, text: (only: (row: string) => string) => string) {
  const isPart = run.mode === 'incremental';
  const only = (row: string) => (isPart ? `${row}.product_id in (select product_id from looked)` : 'true');
  return {
    name: `consistency.${check}.${run.mode}`,
    text: `with ${isPart ? `looked as materialized (${PRODUCTS_LOOKED_AT}), ` : ''}${text(only)}`,
    values: isPart ? lookedAtValues(run) : [],
  };
}

const COUNT_THE_PLACE = 'For a person: count the place lot by lot, by a count sheet or an adjustment.';

/** What lots, serial numbers and quality holds say of the same stock. */
export const TRACKING_CHECKS: readonly SqlCheck[] = [
  {
    id: 'lots_on_hand',
    title: 'The lots of a place add up to what is on hand',
    severity: 'error',
    finding: 'A place of a product that is kept by lot: onHand, lots (units)',
    repair: COUNT_THE_PLACE,
    statement: (run) =>
      part(
        'lots_on_hand',
        run,
        (only) => `drift as (
          select s.product_id, s.warehouse_id, s.on_hand, coalesce(l.units, 0) as units
          from stock s join products t on t.id = s.product_id and t.lot_tracked
          left join (select product_id, warehouse_id, sum(quantity) as units from lots n where ${only('n')} group by 1, 2) l
            using (product_id, warehouse_id)
          where ${only('s')} and s.on_hand <> coalesce(l.units, 0))
        select ${PLACE} as subject,
          jsonb_build_object('productId', d.product_id, 'warehouseId', d.warehouse_id, 'onHand', d.on_hand, 'lots', d.units) as details
        from drift d ${NAMES} order by d.product_id, d.warehouse_id`,
      ),
  },
  {
    id: 'lot_movements',
    title: 'A lot is what its movements add up to',
    severity: 'error',
    finding: 'A lot: lot, quantity, moved (units)',
    repair: COUNT_THE_PLACE,
    statement: (run) =>
      part(
        'lot_movements',
        run,
        (only) => `drift as (
          select d.*, coalesce(m.units, 0) as moved from lots d
          ${
            run.mode === 'incremental'
              ? 'left join lateral (select sum(quantity) as units from lot_movements where lot_id = d.id offset 0) m on true'
              : 'left join (select lot_id, sum(quantity) as units from lot_movements group by 1) m on m.lot_id = d.id'
          }
          where ${only('d')} and d.quantity <> coalesce(m.units, 0))
        select ${PLACE} || ' lot ' || d.code as subject,
          jsonb_build_object('lotId', d.id, 'lot', d.code, 'quantity', d.quantity, 'moved', d.moved) as details
        from drift d ${NAMES} order by d.id`,
      ),
  },
  {
    id: 'serials_in_stock',
    title: 'No more serial numbers are in stock than units on hand',
    severity: 'error',
    finding: 'A place: onHand (units), serials in stock',
    repair: 'For a person: find the units, then write off the numbers that are not there.',
    statement: (run) =>
      part(
        'serials_in_stock',
        run,
        (only) => `drift as (
          select product_id, warehouse_id, coalesce(s.on_hand, 0) as on_hand, n.serials
          from (select product_id, warehouse_id, count(*) as serials from serials u where status = 'in_stock' and ${only('u')} group by 1, 2) n
          left join stock s using (product_id, warehouse_id)
          where n.serials > coalesce(s.on_hand, 0))
        select ${PLACE} as subject,
          jsonb_build_object('productId', d.product_id, 'warehouseId', d.warehouse_id, 'onHand', d.on_hand, 'serials', d.serials) as details
        from drift d ${NAMES} order by d.product_id, d.warehouse_id`,
      ),
  },
  {
    id: 'quality_holds',
    title: 'Units on quality hold are held by their reservation and in their lot',
    severity: 'error',
    finding:
      'A quality hold: open, awaited of them, reserved (units), status of its reservation; or a lot: held, open (units)',
    repair: 'For a person: look at the goods, then release the hold or write it off.',
    statement: (run) =>
      part(
        'quality_holds',
        run,
        (only) => `nothing as (select)
        select 'quality_hold:' || h.id as subject,
          jsonb_build_object('qualityHoldId', h.id, 'open', h.open, 'awaited', h.awaited, 'reserved', coalesce(l.units, 0), 'status', r.status) as details
        from quality_holds h join reservations r on r.id = h.id
        left join lateral (select sum(open_quantity) as units from reservation_lines where reservation_id = h.id) l on true
        where ${only('h')} and (h.open - h.awaited <> coalesce(l.units, 0) or (h.open > 0) <> (r.status = 'confirmed'))
        union all
        select coalesce(${PLACE} || ' lot ' || d.code, 'lot:' || h.lot_id),
          jsonb_build_object('lotId', coalesce(d.id, h.lot_id), 'lot', d.code, 'held', d.held, 'open', coalesce(h.open, 0))
        from (select * from lots n where ${only('n')}) d
        full join (select lot_id, sum(open) as open from quality_holds n where lot_id is not null and ${only('n')} group by 1) h on h.lot_id = d.id
        ${NAMES}
        where coalesce(d.held, 0) <> coalesce(h.open, 0)
        order by 1`,
      ),
  },
];
