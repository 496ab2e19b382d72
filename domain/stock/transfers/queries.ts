import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import type { TransferMode, TransferProgress, TransferStatus } from './types';

export interface TransferRow {
  id: string;
  productId: number;
  sourceId: number;
  targetId: number;
  status: TransferStatus;
  open: number;
  isOverdue: boolean;
  /** Milliseconds until it is expected, by PostgreSQL's clock, after any wait for the lock. */
  msLeft: number | null;
}

const MS_LEFT = `ceil(extract(epoch from t.expected_at - clock_timestamp()) * 1000)::float8`;

export interface NewTransfer {
  id: string;
  productId: number;
  sourceId: number;
  targetId: number;
  mode: TransferMode;
  quantity: number;
  reason: string | null;
  reference: string | null;
  actor: string;
  expectedAt: Date | null;
  /** Where `expectedAt` is null. */
  transitSeconds: number;
}

/**
 * One that is immediate is complete as it is written. It is made at the time of its ledger entries, so the stock rows are locked
 * before. False: it was there before.
 */
export async function insertTransfer(tx: Transaction, transfer: NewTransfer): Promise<boolean> {
  const added = await execute(
    tx,
    'transfers.insert',
    `insert into transfers
       (id, product_id, source_id, target_id, mode, status, quantity, received, reason, reference, actor, expected_at, created_at)
     select $1, $2, $3, $4, $5::text, case $5::text when 'immediate' then 'completed' else 'in_transit' end, $6::int,
            case $5::text when 'immediate' then $6::int else 0 end, $7, $8, $9,
            case $5::text when 'in_transit' then coalesce($10::timestamptz, clock_timestamp() + make_interval(secs => $11)) end, ledger_time()
     on conflict (id) do nothing`,
    [
      transfer.id,
      transfer.productId,
      transfer.sourceId,
      transfer.targetId,
      transfer.mode,
      transfer.quantity,
      transfer.reason,
      transfer.reference,
      transfer.actor,
      transfer.expectedAt,
      transfer.transitSeconds,
    ],
  );
  return added === 1;
}

/** Locked before any stock. */
export function selectTransferForUpdate(
  tx: Transaction,
  transferId: string,
): Promise<TransferRow | undefined> {
  return maybeOne<TransferRow>(
    tx,
    'transfers.lock',
    `select t.id, t.product_id as "productId", t.source_id as "sourceId", t.target_id as "targetId", t.status, t.open,
            t.overdue_at is not null as "isOverdue", ${MS_LEFT} as "msLeft"
     from transfers t where t.id = $1 for no key update`,
    [transferId],
  );
}

/** Takes units off what is open; `status` is what that makes of the transfer. */
export function updateUnits(
  tx: Transaction,
  transferId: string,
  units: { received?: number; lost?: number; returned?: number; status: TransferStatus },
): Promise<number> {
  return execute(
    tx,
    'transfers.update_units',
    `update transfers set received = received + $2, lost = lost + $3, returned = returned + $4, status = $5,
       updated_at = clock_timestamp()
     where id = $1`,
    [transferId, units.received ?? 0, units.lost ?? 0, units.returned ?? 0, units.status],
  );
}

export function updateOverdue(tx: Transaction, transferId: string): Promise<number> {
  return execute(
    tx,
    'transfers.update_overdue',
    `update transfers set overdue_at = clock_timestamp(), updated_at = clock_timestamp()
     where id = $1 and overdue_at is null`,
    [transferId],
  );
}

export function selectProgress(on: Queryable, transferId: string): Promise<TransferProgress | undefined> {
  return maybeOne<TransferProgress>(
    on,
    'transfers.progress',
    `select t.status, p.sku, f.code as "from", g.code as "to", t.quantity, t.received, t.lost, t.returned, t.open,
            to_char(t.expected_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "expectedAt",
            t.overdue_at is not null as "isOverdue", case when t.status = 'in_transit' then ${MS_LEFT} end as "msLeft"
     from transfers t join products p on p.id = t.product_id
     join warehouses f on f.id = t.source_id join warehouses g on g.id = t.target_id
     where t.id = $1`,
    [transferId],
  );
}

/**
 * Open transfers whose workflow is to be looked for: any that are past due for `graceSeconds` and were not found overdue, and
 * others every `recheckSeconds`. Marks them as looked at, so that several reconcilers share the work.
 */
export function claimUnattended(
  on: Queryable,
  limits: { graceSeconds: number; recheckSeconds: number; limit: number },
): Promise<{ id: string }[]> {
  return many(
    on,
    'transfers.claim_unattended',
    `with suspects as (
       select id from transfers
       where status = 'in_transit' and updated_at < clock_timestamp() - make_interval(secs => $1)
         and coalesce(checked_at, updated_at) < clock_timestamp() - make_interval(secs => case
               when overdue_at is null and expected_at < clock_timestamp() - make_interval(secs => $1) then $1::float8
               else $2::float8 end)
       order by expected_at limit $3 for no key update skip locked)
     update transfers t set checked_at = clock_timestamp() from suspects s where t.id = s.id returning t.id`,
    [limits.graceSeconds, limits.recheckSeconds, limits.limit],
  );
}

/** What the names of a new transfer mean. */
export function selectPlaces(
  on: Queryable,
  names: { sku: string; from: string; to: string },
): Promise<{ productId: number | null; sourceId: number | null; targetId: number | null }> {
  return one(
    on,
    'transfers.places',
    `select (select id from products where sku = $1) as "productId",
            (select id from warehouses where code = $2) as "sourceId",
            (select id from warehouses where code = $3) as "targetId"`,
    [names.sku, names.from, names.to],
  );
}
