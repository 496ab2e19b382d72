import { many, one, type Queryable } from '../../platform/database/database';
import { utcMicros } from '../../platform/database/pages';
import type { EventSource } from '../event-log/types';
import type { EventSubject, TypesBySource, Visibility } from './types';

export interface StreamBounds {
  /** The newest position that there is. */
  newest: number;
  /** The oldest that is kept; one more than `newest`: none is. */
  oldest: number;
}

export function selectBounds(on: Queryable): Promise<StreamBounds> {
  return one<StreamBounds & Record<string, unknown>>(
    on,
    'events.bounds',
    `select next_position - 1 as newest,
            coalesce((select first_position from event_batches order by first_position limit 1), next_position) as oldest
     from event_head`,
  );
}

export interface EventRow {
  position: number;
  source: EventSource;
  /** As its source has it. */
  type: string;
  at: string;
  subject: EventSubject;
  actor: string | null;
  onBehalfOf: string | null;
  trace: string | null;
  data: Record<string, unknown>;
}

/** SQL: the reader sees everything, or this is one of their callers. */
function owns(owner: string): string {
  return `($9::bool or ${owner} = any ($10::text[]))`;
}

/**
 * Events with positions after `after` up to `upTo` in their order, at most `limit`; of the sources and types that are asked for, as far as
 * `visible` lets them be seen.
 *
 * A batch names the ids of its rows; the position of a row is its id and the shift of its range.
 */
export function selectEvents(
  on: Queryable,
  window: { after: number; upTo: number; limit: number },
  types: TypesBySource,
  visible: Visibility,
): Promise<EventRow[]> {
  return many<EventRow>(
    on,
    'events.window',
    `with batches as materialized (
       select b.source, b.ids, b.first_position from event_batches b
       where b.first_position >= coalesce((select max(f.first_position) from event_batches f where f.first_position <= $1::bigint + 1), 0)
         and b.first_position <= $2::bigint and b.source = any ($4::text[])
     ), ranges as (
       select source, lower(r) as from_id, upper(r) - 1 as to_id,
         (first_position + coalesce(sum(upper(r) - lower(r)) over (
            partition by first_position order by lower(r) rows between unbounded preceding and 1 preceding), 0))::bigint - lower(r) as shift
       from batches cross join lateral unnest(ids) r
     ), wanted as materialized (
       select source, greatest(from_id, $1::bigint + 1 - shift) as from_id, least(to_id, $2::bigint - shift) as to_id, shift
       from ranges where to_id + shift > $1::bigint and from_id + shift <= $2::bigint
     )
     select * from (
       select w.shift + t.id as position, w.source, t.kind as type, ${utcMicros('t.at')} as at,
         json_build_object('type', 'sku', 'id', p.sku) as subject, t.actor, null::text as "onBehalfOf", t.trace,
         jsonb_build_object('warehouse', c.code, 'onHandDelta', t.on_hand_delta, 'reservedDelta', t.reserved_delta,
           'effectId', t.effect_id, 'reservationId', t.reservation_id, 'orderId', t.order_id, 'reason', t.reason,
           'reference', t.reference) as data
       from wanted w join inventory_transactions t on t.id between w.from_id and w.to_id
       join products p on p.id = t.product_id join warehouses c on c.id = t.warehouse_id
       where w.source = 'ledger' and t.kind = any ($5::text[]) and ($9::bool or $13::bool)
       union all
       select w.shift + t.id, w.source, t.type, ${utcMicros('t.at')},
         json_build_object('type', 'order', 'id', t.order_id), t.actor, t.on_behalf_of, t.trace,
         t.data - '{actor,shipTo}'::text[] || jsonb_build_object('seq', t.seq)
       from wanted w join order_events t on t.id between w.from_id and w.to_id
       where w.source = 'orders' and t.type = any ($6::text[])
         and ($9::bool or $11::bool
           or $12::bool and exists (select from orders o where o.id = t.order_id and o.owner = any ($10::text[])))
       union all
       select w.shift + t.id, w.source, t.action, ${utcMicros('t.at')},
         json_build_object('type', t.subject_type, 'id', t.subject_id), t.actor, t.on_behalf_of, t.trace,
         jsonb_build_object('before', t.before, 'after', t.after)
       from wanted w join audit_log t on t.id between w.from_id and w.to_id
       where w.source = 'audit' and t.action = any ($7::text[])
         and (${owns('t.actor')} and t.subject_type = 'hold' or ($9::bool or $14::bool and t.subject_type not in ('payout', 'reconciliation')) and t.subject_type <> 'hold')
       union all
       select w.shift + t.id, w.source, t.type, ${utcMicros('t.at')},
         json_build_object('type', t.subject_type, 'id', t.subject_id), t.actor, null, t.trace, t.data
       from wanted w join event_entries t on t.id between w.from_id and w.to_id
       where w.source = 'entries' and t.type = any ($8::text[])
         and (${owns('t.owner')} or $13::bool and t.subject_type = 'transfer')
     ) e order by position limit $3`,
    [
      window.after,
      window.upTo,
      window.limit,
      Object.keys(types),
      types.ledger ?? [],
      types.orders ?? [],
      types.audit ?? [],
      types.entries ?? [],
      visible.all,
      visible.owners,
      visible.allOrders,
      visible.ownOrders,
      visible.stock,
      visible.catalogue,
    ],
  );
}
