import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { literals } from '../../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../../orders/types';
import type {
  AmendmentOutcome,
  AmendmentStage,
  AmendmentUndo,
  AmendRefusal,
  AmendRequest,
  OpenAmendment,
} from './types';

/** SQL of whether something of the order `o` is under way that is decided before it is amended: see `whyBusy`. */
const BUSY = `(o.status in ${literals(OPEN_ORDER_STATUSES)} and o.cancel_state is distinct from 'open' and (
  exists (select from reservations r where r.order_id = o.id and r.status = 'charging')
  or exists (select from order_cuts c where c.order_id = o.id and c.state = 'open')
  or exists (select from order_amendments a where a.order_id = o.id and a.state = 'open' and a.stage is not null)))`;

/**
 * Writes a request to amend an order that exists and of which nothing is under way; returns whether it is new. Whether something is under
 * way is decided when it is begun: here a request that is repeated meanwhile leaves nothing behind.
 */
export async function insertAmendment(tx: Transaction, request: AmendRequest): Promise<boolean> {
  const { orderId, requestId, items, shipTo } = request;
  const written = await execute(
    tx,
    'amendments.insert',
    `insert into order_amendments (id, order_id, items, ship_to)
     select $1, o.id, $3, nullif($4::jsonb, 'null') from orders o where o.id = $2 and not ${BUSY} on conflict do nothing`,
    [requestId, orderId, JSON.stringify(items), JSON.stringify(shipTo)],
  );
  return written > 0;
}

export function selectAmendment(on: Queryable, requestId: string): Promise<AmendmentOutcome | undefined> {
  return maybeOne<AmendmentOutcome>(
    on,
    'amendments.outcome',
    'select state, code, detail, details from order_amendments where id = $1',
    [requestId],
  );
}

/** How many amendments of an order were asked for, whatever became of them. */
export async function countAmendments(on: Queryable, orderId: string): Promise<number> {
  const { count } = await one<{ count: number }>(
    on,
    'amendments.count',
    'select count(*)::int as count from order_amendments where order_id = $1',
    [orderId],
  );
  return count;
}

/** How often additions to an order were declined. */
export async function countDeclined(on: Queryable, orderId: string): Promise<number> {
  const { declined } = await one<{ declined: number }>(
    on,
    'amendments.count_declined',
    `select count(*)::int as declined from order_amendments where order_id = $1 and code = 'PAYMENT_DECLINED'`,
    [orderId],
  );
  return declined;
}

/** SKUs that are named in what is still to be decided of an order. */
export async function selectOpenSkus(on: Queryable, orderId: string): Promise<string[]> {
  const found = await many<{ sku: string }>(
    on,
    'amendments.open_skus',
    `select distinct i->>'sku' as sku from order_amendments a cross join jsonb_array_elements(a.items) i
     where a.order_id = $1 and a.state = 'open' order by 1`,
    [orderId],
  );
  return found.map(({ sku }) => sku);
}

/** What is still to be decided of an order, oldest first, locked. */
export function selectOpenForUpdate(tx: Transaction, orderId: string): Promise<OpenAmendment[]> {
  return many<OpenAmendment>(
    tx,
    'amendments.lock_open',
    `with locked as (
       select * from order_amendments where order_id = $1 and state = 'open' order by id for no key update
     )
     select id as "requestId", order_id as "orderId", items, ship_to as "shipTo", stage, reservation_id as "reservationId", undo
     from locked order by created_at, id`,
    [orderId],
  );
}

export function updateBegun(
  tx: Transaction,
  requestId: string,
  begun: { stage: AmendmentStage; reservationId: string | null; undo: AmendmentUndo },
): Promise<number> {
  return execute(
    tx,
    'amendments.begin',
    'update order_amendments set stage = $2, reservation_id = $3, undo = $4 where id = $1',
    [requestId, begun.stage, begun.reservationId, JSON.stringify(begun.undo)],
  );
}

export function deleteAmendment(tx: Transaction, requestId: string): Promise<number> {
  return execute(tx, 'amendments.delete', 'delete from order_amendments where id = $1', [requestId]);
}

export function updateDone(
  tx: Transaction,
  requestId: string,
  details: Readonly<Record<string, unknown>>,
): Promise<number> {
  return execute(
    tx,
    'amendments.done',
    `update order_amendments set state = 'done', stage = null, details = $2 where id = $1`,
    [requestId, JSON.stringify(details)],
  );
}

export function updateRefused(tx: Transaction, requestId: string, refusal: AmendRefusal): Promise<number> {
  return execute(
    tx,
    'amendments.refuse',
    `update order_amendments set state = 'refused', stage = null, code = $2, detail = $3, details = $4 where id = $1`,
    [requestId, refusal.code, refusal.detail, JSON.stringify(refusal.details ?? {})],
  );
}
