import {
  execute,
  many,
  maybeOne,
  one,
  type Database,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { newestFirst, utcMicros, type PageRequest } from '../../../platform/database/pages';
import { selectProductId } from '../../catalog/product-ids';
import type { CorrectableLine } from './rules';
import type { ReceiptChangeView, ReceiptView } from './types';

/** A receipt `r`, whole. */
const RECEIPT = `
  r.id, w.code as location, r.supplier, r.supplier_reference as "supplierReference", r.actor,
  ${utcMicros('r.received_at')} as "receivedAt", ${utcMicros('r.reversed_at')} as "reversedAt",
  coalesce((select json_agg(json_build_object('id', c.id, 'kind', c.kind, 'reason', c.reason, 'actor', c.actor, 'at', ${utcMicros('c.at')},
      'lines', c.lines) order by c.at, c.id)
   from receipt_changes c where c.receipt_id = r.id), '[]') as changes, ${utcMicros('r.received_at')} as "createdAtMicros",
  (select json_agg(json_build_object('sku', p.sku, 'quantity', l.quantity, 'unitCostMinor', l.unit_cost_minor,
      'currency', l.currency,
      'lot', case when l.lot_code is not null then json_build_object('code', l.lot_code, 'expiresOn', l.expires_on) end,
      'serials', to_json(l.serials)) order by l.line)
   from receipt_lines l join products p on p.id = l.product_id where l.receipt_id = r.id) as lines`;

export type ReceiptRow = ReceiptView & { createdAtMicros: string };

export function selectReceipts(on: Queryable, ids: readonly string[]): Promise<ReceiptRow[]> {
  return many<ReceiptRow>(
    on,
    'receiving.receipts',
    `select ${RECEIPT} from receipts r join warehouses w on w.id = r.warehouse_id where r.id = any ($1::uuid[])`,
    [ids],
  );
}

export interface ReceiptFilter extends PageRequest {
  supplier?: string | undefined;
  supplierReference?: string | undefined;
  sku?: string | undefined;
  /** Warehouse code. */
  location?: string | undefined;
}

/** Newest first; one more than asked for. */
export async function selectReceiptPage(db: Database, filter: ReceiptFilter): Promise<ReceiptRow[]> {
  const query = db
    .builder('receipts as r')
    .join('warehouses as w', 'w.id', 'r.warehouse_id')
    .select(db.builder.raw(RECEIPT));
  if (filter.supplier !== undefined) void query.where('r.supplier', filter.supplier);
  if (filter.supplierReference !== undefined)
    void query.where('r.supplier_reference', filter.supplierReference);
  if (filter.location !== undefined)
    void query.whereRaw('r.warehouse_id = (select id from warehouses where code = ?)', [filter.location]);
  if (filter.sku !== undefined) {
    void query.whereRaw('r.id in (select l.receipt_id from receipt_lines l where l.product_id = ?)', [
      (await selectProductId(db, filter.sku)) ?? null,
    ]);
  }
  return db.list<ReceiptRow>(newestFirst(query, { time: 'r.received_at', id: 'r.id' }, filter));
}

export interface NewReceipt {
  id: string;
  warehouseId: number;
  supplier: string | null;
  supplierReference: string;
  actor: string;
}

/**
 * Two receipts of one document come one after the other, however its number is written. Held until the transaction ends; before any other
 * lock.
 */
export function lockDocument(tx: Transaction, supplier: string | null, reference: string): Promise<number> {
  return execute(
    tx,
    'receiving.lock_document',
    `select pg_advisory_xact_lock(hashtext('receipts:document'),
       hashtext(document_key($2) || chr(31) || document_key(coalesce($1, ''))))`,
    [supplier, reference],
  );
}

/**
 * False: this receipt is there already, or another one that was not taken back has the supplier's very reference. Waits for a
 * transaction that is just writing it.
 */
export async function insertReceipt(tx: Transaction, receipt: NewReceipt): Promise<boolean> {
  const added = await execute(
    tx,
    'receiving.insert_receipt',
    `insert into receipts (id, warehouse_id, supplier, supplier_reference, actor) values ($1, $2, $3, $4, $5)
     on conflict do nothing`,
    [receipt.id, receipt.warehouseId, receipt.supplier, receipt.supplierReference, receipt.actor],
  );
  return added === 1;
}

export interface EarlierReceipt {
  receiptId: string;
  supplier: string | null;
  supplierReference: string;
  receivedAt: string;
}

/**
 * Another receipt of the supplier's document, however its number is written, that was not taken back: one with the very reference, else the
 * first.
 */
export function selectSameDocument(
  tx: Transaction,
  { id, supplier, supplierReference }: Pick<NewReceipt, 'id' | 'supplier' | 'supplierReference'>,
): Promise<EarlierReceipt | undefined> {
  return maybeOne<EarlierReceipt>(
    tx,
    'receiving.same_document',
    `select id as "receiptId", supplier, supplier_reference as "supplierReference", ${utcMicros('received_at')} as "receivedAt"
     from receipts
     where document_key(supplier_reference) = document_key($3)
       and document_key(coalesce(supplier, '')) = document_key(coalesce($2, ''))
       -- Of what has no letters and digits only the very same is one.
       and (document_key($3) <> '' or (supplier_reference = $3 and supplier is not distinct from $2))
       and reversed_at is null and id <> $1
     order by (supplier_reference = $3 and supplier is not distinct from $2) desc, received_at, id limit 1`,
    [id, supplier, supplierReference],
  );
}

export interface NewReceiptLine {
  productId: number;
  quantity: number;
  unitCostMinor: number | null;
  currency: string | null;
  lotCode: string | null;
  expiresOn: string | null;
  serials: readonly string[];
}

/** Writes the lines, and the receipt's time: that of its ledger entries, so the stock rows are locked. */
export function insertReceiptLines(
  tx: Transaction,
  receiptId: string,
  lines: readonly NewReceiptLine[],
): Promise<number> {
  // Arrays of arrays must be of one length in PostgreSQL, so lines travel as JSON.
  return execute(
    tx,
    'receiving.insert_lines',
    `with received as (update receipts set received_at = ledger_time() where id = $1)
     insert into receipt_lines (receipt_id, line, product_id, quantity, unit_cost_minor, currency, lot_code, expires_on, serials)
     select $1, line, (l ->> 'productId')::int, (l ->> 'quantity')::int, (l ->> 'unitCostMinor')::bigint, l ->> 'currency',
            l ->> 'lotCode', (l ->> 'expiresOn')::date, array(select jsonb_array_elements_text(l -> 'serials'))
     from jsonb_array_elements($2::jsonb) with ordinality as t (l, line)`,
    [receiptId, JSON.stringify(lines)],
  );
}

export interface LockedReceipt {
  id: string;
  warehouseId: number;
  supplierReference: string;
  /** RFC 3339, UTC, with microseconds: the time of its ledger entries. */
  receivedAt: string;
  isReversed: boolean;
}

/** Before any stock. */
export function lockReceipt(tx: Transaction, id: string): Promise<LockedReceipt | undefined> {
  return maybeOne<LockedReceipt>(
    tx,
    'receiving.lock_receipt',
    `select id, warehouse_id as "warehouseId", supplier_reference as "supplierReference",
            ${utcMicros('received_at')} as "receivedAt", reversed_at is not null as "isReversed"
     from receipts where id = $1 for no key update`,
    [id],
  );
}

/** A line of a receipt as it counts now. */
export interface KeptLine extends CorrectableLine {
  productId: number;
}

/** Under the receipt's lock, under which alone its lines change. */
export function selectLines(tx: Transaction, receiptId: string): Promise<KeptLine[]> {
  return many<KeptLine>(
    tx,
    'receiving.lines',
    `select l.line, l.product_id as "productId", p.sku, p.currency as "priceCurrency", p.lot_tracked as "lotTracked", p.serialised,
            l.quantity, l.unit_cost_minor as "unitCostMinor", l.currency, l.lot_code as "lotCode", l.expires_on::text as "expiresOn",
            l.serials
     from receipt_lines l join products p on p.id = l.product_id where l.receipt_id = $1 order by l.line`,
    [receiptId],
  );
}

/** What lines count from now on. */
export function updateLines(tx: Transaction, receiptId: string, lines: readonly KeptLine[]): Promise<number> {
  return execute(
    tx,
    'receiving.update_lines',
    `update receipt_lines r
     set quantity = (l ->> 'quantity')::int, unit_cost_minor = (l ->> 'unitCostMinor')::bigint, currency = l ->> 'currency',
         lot_code = l ->> 'lotCode', expires_on = (l ->> 'expiresOn')::date,
         serials = array(select jsonb_array_elements_text(l -> 'serials'))
     from jsonb_array_elements($2::jsonb) as l where r.receipt_id = $1 and r.line = (l ->> 'line')::int`,
    [receiptId, JSON.stringify(lines)],
  );
}

/** Under the stock's locks. */
export function markReversed(tx: Transaction, receiptId: string): Promise<number> {
  return execute(
    tx,
    'receiving.mark_reversed',
    'update receipts set reversed_at = ledger_time() where id = $1',
    [receiptId],
  );
}

export async function existsChange(tx: Transaction, changeId: string): Promise<boolean> {
  const row = await one<{ made: boolean }>(
    tx,
    'receiving.exists_change',
    'select exists (select from receipt_changes where id = $1) as made',
    [changeId],
  );
  return row.made;
}

/** The documents that changed a receipt. */
export async function selectChangeIds(tx: Transaction, receiptId: string): Promise<string[]> {
  const rows = await many<{ id: string }>(
    tx,
    'receiving.change_ids',
    'select id from receipt_changes where receipt_id = $1',
    [receiptId],
  );
  return rows.map(({ id }) => id);
}

/** With the time of its ledger entries, so under the stock's locks: what the receipt said before is known for any earlier time. */
export function insertChange(
  tx: Transaction,
  change: Omit<ReceiptChangeView, 'at'> & { receiptId: string },
): Promise<number> {
  return execute(
    tx,
    'receiving.insert_change',
    `insert into receipt_changes (id, receipt_id, kind, reason, actor, lines, at) values ($1, $2, $3, $4, $5, $6, ledger_time())`,
    [change.id, change.receiptId, change.kind, change.reason, change.actor, JSON.stringify(change.lines)],
  );
}
