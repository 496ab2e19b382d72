import {
  execute,
  many,
  maybeOne,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { utc } from '../../../platform/database/pages';
import type { StockKey } from '../ledger/types';
import type { LotChangeView, LotMasterView } from './types';

export interface LockedLot {
  id: number;
  productId: number;
  code: string;
  /** YYYY-MM-DD */
  expiresOn: string | null;
  isRecalled: boolean;
}

/** Whoever adds the lot to another place waits, and copies what is corrected. */
export function lockLotMaster(tx: Transaction, sku: string, lot: string): Promise<LockedLot | undefined> {
  return maybeOne<LockedLot>(
    tx,
    'tracking.lock_lot_master',
    `select m.id, m.product_id as "productId", m.code, m.expires_on::text as "expiresOn", m.recalled_at is not null as "isRecalled"
     from product_lots m where m.id = (select find_lot(p.id, $2) from products p where p.sku = $1) for update`,
    [sku, lot],
  );
}

export function selectLotId(on: Queryable, sku: string, lot: string): Promise<{ id: number } | undefined> {
  return maybeOne(
    on,
    'tracking.lot_id',
    'select m.id from products p join product_lots m on m.id = find_lot(p.id, $2) where p.sku = $1',
    [sku, lot],
  );
}

export function updateLotExpiry(tx: Transaction, lotId: number, expiresOn: string | null): Promise<number> {
  return execute(tx, 'tracking.update_lot_expiry', 'update product_lots set expires_on = $2 where id = $1', [
    lotId,
    expiresOn,
  ]);
}

export function updateRecall(
  tx: Transaction,
  lotId: number,
  recall: { reason: string; actor: string } | null,
): Promise<number> {
  return execute(
    tx,
    'tracking.update_recall',
    `update product_lots set recalled_at = case when $2::text is not null then clock_timestamp() end, recall_reason = $2, recalled_by = $3
     where id = $1`,
    [lotId, recall?.reason ?? null, recall?.actor ?? null],
  );
}

export function insertLotChange(
  tx: Transaction,
  change: Omit<LotChangeView, 'at'> & { lotId: number },
): Promise<number> {
  return execute(
    tx,
    'tracking.insert_lot_change',
    `insert into product_lot_changes (lot_id, change, before, after, reason, actor) values ($1, $2, $3, $4, $5, $6)`,
    [change.lotId, change.change, change.before, change.after, change.reason, change.actor],
  );
}

export function selectLotMaster(on: Queryable, sku: string, lot: string): Promise<LotMasterView | undefined> {
  return maybeOne<LotMasterView>(
    on,
    'tracking.lot_master',
    `select p.sku, m.code, m.expires_on::text as "expiresOn", coalesce(m.expires_on < today_utc(), false) as expired,
       case when m.recalled_at is not null
         then json_build_object('at', ${utc('m.recalled_at')}, 'reason', m.recall_reason, 'by', m.recalled_by) end as recall,
       coalesce(sum(l.quantity), 0)::float8 as quantity, coalesce(sum(l.held), 0)::float8 as held,
       coalesce((select json_agg(json_build_object('at', ${utc('c.at')}, 'change', c.change, 'before', c.before, 'after', c.after,
           'reason', c.reason, 'actor', c.actor) order by c.id)
         from product_lot_changes c where c.lot_id = m.id), '[]') as changes
     from products p join product_lots m on m.id = find_lot(p.id, $2) left join lots l on l.master_id = m.id
     where p.sku = $1 group by p.sku, m.id`,
    [sku, lot],
  );
}

/** A lot at a place. */
export interface LotAtPlace extends StockKey {
  /** Of its row there. */
  id: number;
}

/** Where units of a lot are, were, or are just coming in. */
export function selectPlacesOfLot(on: Queryable, lotId: number): Promise<LotAtPlace[]> {
  return many<LotAtPlace>(
    on,
    'tracking.places_of_lot',
    `select id, product_id as "productId", warehouse_id as "warehouseId" from lots where master_id = $1
     order by product_id, warehouse_id`,
    [lotId],
  );
}
