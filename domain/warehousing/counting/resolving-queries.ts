import { many, type Queryable } from '../../../platform/database/database';
import type { StockKey } from '../../stock/ledger/types';

/** Places where a sheet awaits units that are promised. */
export function selectResolvingPlaces(on: Queryable, sheetId: string): Promise<StockKey[]> {
  return many<StockKey>(
    on,
    'counting.resolving_places',
    `select l.product_id as "productId", c.warehouse_id as "warehouseId"
     from count_lines l join count_sheets c on c.id = l.sheet_id
     where l.sheet_id = $1 and l.status = 'resolving' order by 1`,
    [sheetId],
  );
}

/** Sheets that do. */
export async function selectResolvingSheets(on: Queryable): Promise<string[]> {
  const found = await many<{ sheetId: string }>(
    on,
    'counting.resolving_sheets',
    'select distinct sheet_id as "sheetId" from count_lines where hold_id is not null order by 1',
  );
  return found.map(({ sheetId }) => sheetId);
}

/** Other sheets that do, of these products in the sheet's warehouse. */
export async function selectOthersResolving(
  on: Queryable,
  { sheetId, warehouseId }: { sheetId: string; warehouseId: number },
  productIds: readonly number[],
): Promise<string[]> {
  const found = await many<{ sheetId: string }>(
    on,
    'counting.others_resolving',
    `select distinct l.sheet_id as "sheetId" from count_lines l join count_sheets c on c.id = l.sheet_id
     where l.hold_id is not null and l.product_id = any ($3::int[]) and c.warehouse_id = $2 and l.sheet_id <> $1 order by 1`,
    [sheetId, warehouseId, productIds],
  );
  return found.map(({ sheetId: id }) => id);
}
