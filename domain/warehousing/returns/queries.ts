import {
  execute,
  maybeOne,
  many,
  type Database,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../../platform/database/pages';
import type {
  NewReturn,
  OverdueReturn,
  RestockingFee,
  ReturnProgress,
  ReturnRefund,
  ReturnStatus,
  ReturnView,
} from './types';

/** SQL of the fee of a return `r` as a `RestockingFee`; null: none was agreed. */
const FEE = `case when r.fee_percent is not null then json_build_object('percent', r.fee_percent::float8)
  when r.fee_minor is not null then json_build_object('amountMinor', r.fee_minor) end`;

const RETURN = `
  r.id, r.order_id as "orderId", r.status, w.code as location, ${utc('r.expires_at')} as "expiresAt", r.actor,
  ${utc('r.created_at')} as "createdAt", ${utc('r.updated_at')} as "updatedAt",
  ${utcMicros('r.created_at')} as "createdAtMicros",
  (select json_agg(json_build_object('sku', l.sku, 'quantity', l.quantity, 'reason', l.reason, 'received', l.received,
      'restocked', l.restocked, 'writtenOff', l.written_off, 'refunded', l.refunded) order by l.sku)
   from customer_return_lines l where l.return_id = r.id) as items,
  r.refund, ${FEE} as "restockingFee",
  (select coalesce(sum(t.refund_minor), 0)::bigint from customer_return_steps t where t.return_id = r.id) as "refundMinor"`;

export type ReturnRow = ReturnView & { createdAtMicros: string };

export function selectReturn(on: Queryable, id: string): Promise<ReturnRow | undefined> {
  return maybeOne<ReturnRow>(
    on,
    'returns.return',
    `select ${RETURN} from customer_returns r left join warehouses w on w.id = r.warehouse_id where r.id = $1`,
    [id],
  );
}

/** The order that a return is of. */
export function selectReturnOrder(on: Queryable, id: string): Promise<{ orderId: string } | undefined> {
  return maybeOne(on, 'returns.order', 'select order_id as "orderId" from customer_returns where id = $1', [
    id,
  ]);
}

export interface ReturnFilter extends PageRequest {
  orderId?: string | undefined;
  status?: ReturnStatus | undefined;
}

/** Newest first; one more than asked for. */
export function selectReturnPage(db: Database, filter: ReturnFilter): Promise<ReturnRow[]> {
  const query = db
    .builder('customer_returns as r')
    .leftJoin('warehouses as w', 'w.id', 'r.warehouse_id')
    .select(db.builder.raw(RETURN));
  if (filter.orderId !== undefined) void query.where('r.order_id', filter.orderId);
  if (filter.status !== undefined) void query.where('r.status', filter.status);
  return db.list<ReturnRow>(newestFirst(query, { time: 'r.created_at', id: 'r.id' }, filter));
}

const AWAITED = `case when r.status in ('authorised', 'received') and not r.closed_to_arrivals
  then sum(l.quantity - l.received) else 0 end`;

export function selectProgress(on: Queryable, id: string): Promise<ReturnProgress | undefined> {
  return maybeOne<ReturnProgress>(
    on,
    'returns.progress',
    `select r.id as "returnId", r.order_id as "orderId", r.status, ${AWAITED} as awaited,
            sum(l.received - l.restocked - l.written_off) as uninspected,
            sum(l.restocked) as restocked, sum(l.written_off) as "writtenOff",
            case when ${AWAITED} > 0
              then ceil(extract(epoch from r.expires_at - clock_timestamp()) * 1000)::float8 end as "msLeft"
     from customer_returns r join customer_return_lines l on l.return_id = r.id where r.id = $1 group by r.id`,
    [id],
  );
}

export interface ReturnableRow {
  productId: number;
  sku: string;
  /** Shipped and neither returned nor authorised to be. */
  returnable: number;
}

/**
 * What of an order may be returned. A return counts with what it is authorised for, and once nothing more is awaited of it,
 * with what came in. The caller has the order's lock.
 */
export function selectReturnable(tx: Transaction, orderId: string): Promise<ReturnableRow[]> {
  return many<ReturnableRow>(
    tx,
    'returns.returnable',
    `select i.product_id as "productId", i.sku, i.fulfilled_quantity - coalesce(b.units, 0) as returnable
     from order_items i left join lateral (
       select sum(case when r.status in ('authorised', 'received') and not r.closed_to_arrivals then l.quantity
                       else l.received end) as units
       from customer_returns r join customer_return_lines l on l.return_id = r.id
       where r.order_id = i.order_id and l.product_id = i.product_id) b on true
     where i.order_id = $1`,
    [orderId],
  );
}

export async function insertReturn(
  tx: Transaction,
  made: NewReturn,
  items: readonly { productId: number; sku: string; quantity: number; reason: string }[],
): Promise<void> {
  await execute(
    tx,
    'returns.insert',
    `insert into customer_returns (id, order_id, expires_at, actor, refund, fee_percent, fee_minor)
     values ($1, $2, clock_timestamp() + make_interval(days => $3), $4, $5, $6::numeric, $7::bigint)`,
    [
      made.returnId,
      made.orderId,
      made.days,
      made.actor,
      made.refund,
      'percent' in made.restockingFee ? made.restockingFee.percent : null,
      'percent' in made.restockingFee ? null : made.restockingFee.amountMinor,
    ],
  );
  await execute(
    tx,
    'returns.insert_lines',
    `insert into customer_return_lines (return_id, product_id, sku, quantity, reason)
     select $1, * from unnest($2::int[], $3::text[], $4::int[], $5::text[])`,
    [
      made.returnId,
      items.map((i) => i.productId),
      items.map((i) => i.sku),
      items.map((i) => i.quantity),
      items.map((i) => i.reason),
    ],
  );
}

export interface LockedReturn {
  orderId: string;
  status: ReturnStatus;
  warehouseId: number | null;
  closedToArrivals: boolean;
  refund: ReturnRefund;
  restockingFee: RestockingFee | null;
  /** By PostgreSQL's clock, after any wait for the lock. */
  isDue: boolean;
}

/** Before the lock of any stock row. */
export function lockReturn(tx: Transaction, id: string): Promise<LockedReturn | undefined> {
  return maybeOne<LockedReturn>(
    tx,
    'returns.lock',
    // The clock is read by the outer part: beside the lock it would be read before the wait.
    `with locked as materialized (select * from customer_returns where id = $1 for no key update)
     select order_id as "orderId", status, warehouse_id as "warehouseId", closed_to_arrivals as "closedToArrivals",
            refund, ${FEE} as "restockingFee", expires_at <= clock_timestamp() as "isDue"
     from locked r`,
    [id],
  );
}

export interface ReturnLineRow {
  productId: number;
  sku: string;
  quantity: number;
  received: number;
  restocked: number;
  writtenOff: number;
}

export function selectReturnLines(tx: Transaction, id: string): Promise<ReturnLineRow[]> {
  return many<ReturnLineRow>(
    tx,
    'returns.lines',
    `select product_id as "productId", sku, quantity, received, restocked, written_off as "writtenOff"
     from customer_return_lines where return_id = $1 order by product_id`,
    [id],
  );
}

/** False: this step was taken before. */
export async function insertStep(
  tx: Transaction,
  step: { stepId: string; returnId: string; step: 'receive' | 'inspect' },
): Promise<boolean> {
  const added = await execute(
    tx,
    'returns.insert_step',
    'insert into customer_return_steps (id, return_id, step) values ($1, $2, $3) on conflict (id) do nothing',
    [step.stepId, step.returnId, step.step],
  );
  return added === 1;
}

export interface LineChange {
  productId: number;
  received: number;
  restocked: number;
  writtenOff: number;
  refunded: number;
}

/** Adds to the lines' counts. */
export function updateReturnLines(
  tx: Transaction,
  id: string,
  changes: readonly LineChange[],
): Promise<number> {
  return execute(
    tx,
    'returns.update_lines',
    `update customer_return_lines l
     set received = l.received + c.received, restocked = l.restocked + c.restocked, written_off = l.written_off + c.written_off,
         refunded = l.refunded + c.refunded
     from unnest($2::int[], $3::int[], $4::int[], $5::int[], $6::int[]) as c (product_id, received, restocked, written_off, refunded)
     where l.return_id = $1 and l.product_id = c.product_id`,
    [
      id,
      changes.map((c) => c.productId),
      changes.map((c) => c.received),
      changes.map((c) => c.restocked),
      changes.map((c) => c.writtenOff),
      changes.map((c) => c.refunded),
    ],
  );
}

/** Units that an inspection took in, by the reservation that they were shipped for. */
export interface Source {
  productId: number;
  reservationId: string;
  quantity: number;
}

export async function insertSources(
  tx: Transaction,
  step: { returnId: string; stepId: string; sources: readonly Source[] },
): Promise<void> {
  if (step.sources.length === 0) return;
  await execute(
    tx,
    'returns.insert_sources',
    `insert into customer_return_sources (step_id, return_id, product_id, reservation_id, quantity)
     select $1, $2, * from unnest($3::int[], $4::uuid[], $5::int[])`,
    [
      step.stepId,
      step.returnId,
      step.sources.map((source) => source.productId),
      step.sources.map((source) => source.reservationId),
      step.sources.map((source) => source.quantity),
    ],
  );
}

export interface InspectedRow {
  productId: number;
  /** Null: all units of the product, also those of which it was not recorded what they were shipped for. */
  reservationId: string | null;
  quantity: number;
}

/** Inspected units of all returns of an order, in one statement and so from one snapshot. */
export function selectInspected(tx: Transaction, orderId: string): Promise<InspectedRow[]> {
  return many<InspectedRow>(
    tx,
    'returns.inspected',
    `select l.product_id as "productId", null::uuid as "reservationId", sum(l.restocked + l.written_off) as quantity
     from customer_returns r join customer_return_lines l on l.return_id = r.id where r.order_id = $1 group by 1
     union all
     select c.product_id, c.reservation_id, sum(c.quantity)
     from customer_returns r join customer_return_sources c on c.return_id = r.id where r.order_id = $1 group by 1, 2`,
    [orderId],
  );
}

export function updateStepRefund(tx: Transaction, stepId: string, amountMinor: number): Promise<number> {
  return execute(
    tx,
    'returns.update_step_refund',
    'update customer_return_steps set refund_minor = $2 where id = $1',
    [stepId, amountMinor],
  );
}

export function updateReturn(
  tx: Transaction,
  id: string,
  change: { status: ReturnStatus; warehouseId?: number; closedToArrivals?: boolean },
): Promise<number> {
  return execute(
    tx,
    'returns.update',
    `update customer_returns
     set status = $2, warehouse_id = coalesce($3, warehouse_id), closed_to_arrivals = closed_to_arrivals or $4,
         updated_at = clock_timestamp()
     where id = $1`,
    [id, change.status, change.warehouseId ?? null, change.closedToArrivals ?? false],
  );
}

/** Returns whose workflow should have ended their wait `seconds` ago, soonest due first. */
export function selectOverdueReturns(
  on: Queryable,
  request: { seconds: number; after: OverdueReturn | undefined; limit: number },
): Promise<OverdueReturn[]> {
  return many<OverdueReturn>(
    on,
    'returns.overdue',
    `select id, ${utcMicros('expires_at')} as "expiresAtMicros" from customer_returns
     where status in ('authorised', 'received') and not closed_to_arrivals
       and expires_at < statement_timestamp() - make_interval(secs => $1)
       and ($2::timestamptz is null or (expires_at, id) > ($2, $3::uuid))
     order by expires_at, id limit $4`,
    [request.seconds, request.after?.expiresAtMicros ?? null, request.after?.id ?? null, request.limit],
  );
}
