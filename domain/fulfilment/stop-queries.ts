import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';
import { nextTry, type RetryTimes } from '../../platform/database/retry-times';
import { doubled } from './doubled-sql';
import { SHIPMENT_COLUMNS, type ShipmentRow } from './queries';

/**
 * Shipments of an order that are being stopped and about which the carrier is due to be asked. Counts the attempt and says when
 * the next is due, before the call. Locks them by id: whoever begins to stop shipments locks the same ones.
 */
export function claimStops(
  on: Queryable,
  orderId: string,
  { firstSeconds, longestSeconds }: RetryTimes,
  /** These; null: all. */
  shipmentIds: readonly string[] | null,
): Promise<(ShipmentRow & { tries: number })[]> {
  return many(
    on,
    'fulfilment.claim_stops',
    `with due as (
       select id from shipments
       where order_id = $1 and status = 'voiding' and (next_try_at is null or next_try_at <= clock_timestamp())
         and ($4::uuid[] is null or id = any ($4::uuid[]))
       order by id for no key update
     )
     update shipments s set tries = s.tries + 1, next_try_at = ${nextTry('s.tries', '$2', '$3')}
     from due, warehouses w where s.id = due.id and w.id = s.warehouse_id
     returning ${SHIPMENT_COLUMNS}, s.tries`,
    [orderId, firstSeconds, longestSeconds, shipmentIds],
  );
}

/** Records why the carrier did not say whether a shipment is stopped. */
export function updateStopError(tx: Transaction, shipmentId: string, why: string): Promise<number> {
  return execute(
    tx,
    'fulfilment.stop_error',
    `update shipments set error = $2, updated_at = clock_timestamp() where id = $1 and status = 'voiding'`,
    [shipmentId, why],
  );
}

/** Lets the carrier be asked again to stop what it has refused to: somebody asks for it anew. */
export function clearStopRefusals(tx: Transaction, orderId: string): Promise<number> {
  return execute(
    tx,
    'fulfilment.clear_stop_refusals',
    `with locked as (
       select id from shipments where order_id = $1 and stop_refused_at is not null order by id for no key update
     )
     update shipments s set stop_refused_at = null from locked where s.id = locked.id`,
    [orderId],
  );
}

/** What is being stopped to cut a part of it is stopped as a whole. The caller has locked the shipments. */
export function stopForGood(tx: Transaction, orderId: string): Promise<number> {
  return execute(
    tx,
    'fulfilment.stop_for_good',
    `update shipments set stop_for_cut = false where order_id = $1 and stop_for_cut and released_at is null`,
    [orderId],
  );
}

/** Marks shipments that will not leave: their units are given up, or go into the next generation. Locks them. */
export function markReleased(tx: Transaction, shipmentIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'fulfilment.mark_released',
    `with locked as (select id from shipments where id = any ($1::uuid[]) order by id for no key update)
     update shipments s set released_at = clock_timestamp() from locked where s.id = locked.id and s.released_at is null`,
    [shipmentIds],
  );
}

/** Shipments of an order that carry again what has left. */
export async function selectDoubled(tx: Transaction, orderId: string): Promise<string[]> {
  const found = await many<{ id: string }>(
    tx,
    'fulfilment.doubled',
    `select s.id from shipments s where s.order_id = $1 and ${doubled('s')} order by s.id`,
    [orderId],
  );
  return found.map(({ id }) => id);
}
