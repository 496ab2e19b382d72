import type { SqlCheck } from '../types';
import { literals } from '../../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../../orders/types';
import { STOPPED_AFTER_DAYS } from '../../stock/alerts/stopped-reservations';
import { LIVE_RESERVATION_STATUSES } from '../../stock/reservations/types';

const LIVE = literals(LIVE_RESERVATION_STATUSES);

/** Reservations against what they are for. */
export const RESERVATION_CHECKS: readonly SqlCheck[] = [
  {
    id: 'orphaned_holds',
    title: 'Every live hold has somebody who will end it',
    severity: 'error',
    finding: 'A hold: orderId, why (no_order, order_ended, past_due), status, expiresAt',
    repair:
      'Without an order, of an order that ended, or past due without an order: released. Past due of an open order: its workflow is woken.',
    statement: ({ graceSeconds }) => ({
      name: 'consistency.orphaned_holds',
      text: `with orphan as (
          select r.id, r.kind, r.order_id, r.status, r.expires_at,
            case when r.kind = 'order' and o.id is null then 'no_order'
                 when r.kind = 'order' and o.status not in ${literals(OPEN_ORDER_STATUSES)} then 'order_ended'
                 else 'past_due' end as why
          from reservations r left join orders o on o.id = r.order_id
          where r.status in ${LIVE}
            and ((r.kind = 'order' and (o.id is null or o.status not in ${literals(OPEN_ORDER_STATUSES)}))
                 or (r.status = 'pending' and r.expires_at < statement_timestamp() - make_interval(secs => $1)))
        )
        select 'hold:' || id as subject,
          jsonb_build_object('reservationId', id, 'kind', kind, 'orderId', order_id, 'why', why, 'status', status, 'expiresAt', expires_at) as details
        from orphan order by id`,
      values: [graceSeconds],
    }),
  },
  {
    id: 'ended_holds',
    title: 'A hold that ended holds nothing',
    severity: 'error',
    finding: 'A hold: status, units that its lines still show as open',
    repair: 'Its lines are closed.',
    statement: () => ({
      name: 'consistency.ended_holds',
      text: `select 'hold:' || r.id as subject,
          jsonb_build_object('reservationId', r.id, 'status', r.status, 'units', sum(l.open_quantity)) as details
        from reservations r join reservation_lines l on l.reservation_id = r.id
        where r.status not in ${LIVE} and l.open_quantity <> 0 group by r.id order by r.id`,
    }),
  },
  {
    id: 'confirmed_holds',
    title: 'A confirmed hold without an order ships, or is released',
    severity: 'warning',
    finding: `A hold that nobody has touched for ${STOPPED_AFTER_DAYS} days: reference, orderId, confirmedAt, units`,
    repair:
      'For a person: ask who made it, then ship or release it (POST /reservations/{id}/ship, /release).',
    statement: () => ({
      name: 'consistency.confirmed_holds',
      text: `select 'hold:' || r.id as subject,
          jsonb_build_object('reservationId', r.id, 'reference', r.own_reference, 'orderId', r.reference, 'confirmedAt', r.updated_at,
            'units', (select sum(l.open_quantity) from reservation_lines l where l.reservation_id = r.id)) as details
        from reservations r
        where r.kind = 'hold' and r.status = 'confirmed' and r.updated_at < statement_timestamp() - make_interval(days => ${STOPPED_AFTER_DAYS})
        order by r.updated_at`,
    }),
  },
  {
    id: 'lines_without_hold',
    title: 'Every line belongs to a hold',
    severity: 'error',
    finding: 'Lines of a hold that does not exist: units',
    repair: 'The lines are deleted: nothing can ever ship or release them.',
    // An incremental run looks only at lines that reserve stock.
    statement: ({ mode }) => ({
      name: `consistency.lines_without_hold.${mode}`,
      text: `select 'hold:' || l.reservation_id as subject,
          jsonb_build_object('reservationId', l.reservation_id, 'units', sum(l.open_quantity)) as details
        from reservation_lines l
        where ${mode === 'full' ? 'true' : 'l.open_quantity <> 0'}
          and not exists (select from reservations r where r.id = l.reservation_id)
        group by l.reservation_id order by l.reservation_id`,
    }),
  },
];
