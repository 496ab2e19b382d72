import { EVERYTHING } from '../share-queries';
import type { CheckRun, SqlCheck } from '../types';
import { literals } from '../../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../../orders/types';
import { STOPPED_AFTER_DAYS } from '../../stock/alerts/stopped-reservations';
import { ENDED_RESERVATION_STATUSES, LIVE_RESERVATION_STATUSES } from '../../stock/reservations/types';

const LIVE = literals(LIVE_RESERVATION_STATUSES);
const ENDED = literals(ENDED_RESERVATION_STATUSES);

const IN_SHARE = `l.reservation_id > $1::uuid and ($2::uuid is null or l.reservation_id <= $2)`;
const LINES_LOOKED_AT = `select l.reservation_id as id from reservation_lines l where ${IN_SHARE} and l.open_quantity <> 0`;

const linesLookedAtValues = ({ share = EVERYTHING }: CheckRun) => [share.linesAfter, share.linesUpTo];

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
    // An incremental run looks at those that ended since the last, and at a share of all lines.
    statement: (run) => ({
      name: `consistency.ended_holds.${run.mode}`,
      text: `${
        run.mode === 'incremental'
          ? `with looked as (${LINES_LOOKED_AT}
          union select r.id from reservations r
          where r.kind in ('hold', 'allocation') and r.status in ${ENDED} and ($3::timestamptz is null or r.updated_at >= $3)
          union select r.id from orders o join reservations r on r.order_id = o.id
          where $3::timestamptz is null or o.updated_at >= $3)`
          : ''
      }
        select 'hold:' || r.id as subject,
          jsonb_build_object('reservationId', r.id, 'status', r.status, 'units', sum(l.open_quantity)) as details
        from ${run.mode === 'incremental' ? 'looked join reservations r using (id)' : 'reservations r'}
        join reservation_lines l on l.reservation_id = r.id
        where r.status not in ${LIVE} and l.open_quantity <> 0 group by r.id order by r.id`,
      values: run.mode === 'incremental' ? [...linesLookedAtValues(run), run.since] : [],
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
    // An incremental run looks only at lines that reserve stock, of a share of all.
    statement: (run) => ({
      name: `consistency.lines_without_hold.${run.mode}`,
      text: `select 'hold:' || l.reservation_id as subject,
          jsonb_build_object('reservationId', l.reservation_id, 'units', sum(l.open_quantity)) as details
        from reservation_lines l
        where ${run.mode === 'incremental' ? `${IN_SHARE} and l.open_quantity <> 0` : 'true'}
          and not exists (select from reservations r where r.id = l.reservation_id)
        group by l.reservation_id order by l.reservation_id`,
      values: run.mode === 'incremental' ? linesLookedAtValues(run) : [],
    }),
  },
];
